"use strict";

// "/" puts the cursor into the search box, as on many sites.
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const box = document.getElementById("q");
    if (box) {
      event.preventDefault();
      box.focus();
      box.select();
    }
  }
});

// An address that is shown to be copied is shown whole.
for (const place of document.querySelectorAll("[data-relative]")) {
  place.textContent = new URL(place.dataset.relative, location.href).href;
}

// Answers with an error have a part of a page too.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.status >= 400) {
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  }
});

// What was found while typing goes when it is left, or with Escape.
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    document.getElementById("found")?.replaceChildren();
  }
});
document.addEventListener("click", (event) => {
  if (!event.target.closest(".search")) {
    document.getElementById("found")?.replaceChildren();
  }
});

// Ends of holds count down.
function until(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const [days, hours, minutes] = [86400, 3600, 60].map((unit) => Math.floor(seconds / unit));
  if (days) return `in ${days} d ${hours % 24} h`;
  if (hours) return `in ${hours} h ${minutes % 60} min`;
  if (minutes) return `in ${minutes} min ${seconds % 60} s`;
  return seconds ? `in ${seconds} s` : "ended";
}

function tick() {
  for (const place of document.querySelectorAll("[data-until]")) {
    place.textContent = until(Date.parse(place.dataset.until) - Date.now());
  }
}
if (document.querySelector("[data-until]")) {
  tick();
  setInterval(tick, 1000);
}

// The curve: what was, with the held part as a band, and dashed what will come by the clock.
const shown = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const grouped = (value) =>
  value == null ? "–" : shown.format(value).replaceAll(",", "\u202f").replace("-", "\u2212");

// From zero, unless that would flatten the curve.
function bounds(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = Math.max(1, (high - low) * 0.08);
  const flat = low > 0 && high - low < low;
  return [flat || low < 0 ? Math.floor(low - room) : 0, Math.ceil(high + room)];
}

// Amounts are whole, and so are the steps of their axis.
const whole = [...Array(16).keys()].flatMap((zeros) => [1, 2, 5].map((step) => step * 10 ** zeros));

// Times of the axis, in UTC, as ISO writes them.
const day = (apart) => (seconds) => {
  const iso = new Date(seconds * 1000).toISOString();
  if (apart >= 27 * 86400) return iso.slice(0, 7);
  return apart >= 86400 || iso.slice(11, 16) === "00:00" ? iso.slice(5, 10) : iso.slice(11, 16);
};

function draw(place) {
  const { now, past, coming } = JSON.parse(place.dataset.curve);
  const last = past.at.length - 1;
  const nothing = (list) => list.map(() => null);
  const at = [...past.at, ...(last < 0 ? [] : [now]), ...coming.at];
  const ofNow = (list) => (last < 0 ? [] : [list[last]]);
  const data = [
    at,
    [...past.balance, ...ofNow(past.balance), ...nothing(coming.at)],
    [...past.available, ...ofNow(past.available), ...nothing(coming.at)],
    [...nothing(past.at), ...ofNow(past.balance), ...coming.balance],
    [...nothing(past.at), ...ofNow(past.available), ...coming.available],
  ];
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const stepped = uPlot.paths.stepped({ align: 1 });
  const line = (label, stroke, more) => ({
    label, stroke, paths: stepped, width: 1.5, points: { show: false },
    value: (_, value) => grouped(value), ...more,
  });
  const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false } };
  const values = data.slice(1).flat().filter((value) => value != null);
  return new uPlot({
    width: place.clientWidth,
    height: 260,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    scales: {
      y: { range: () => bounds(values) },
    },
    series: [
      { value: "{YYYY}-{MM}-{DD} {HH}:{mm}:{ss}" },
      line("balance", colour("--accent")),
      line("available", colour("--good")),
      line("balance to come", colour("--accent"), { dash: [6, 5] }),
      line("available to come", colour("--good"), { dash: [6, 5] }),
    ],
    bands: [
      { series: [1, 2], fill: colour("--held") },
      { series: [3, 4], fill: colour("--held") },
    ],
    axes: [
      { ...axis, space: 70, values: (_, list, axisIndex, space, apart) => list.map(day(apart)) },
      { ...axis, size: 80, incrs: whole, values: (_, list) => list.map(grouped) },
    ],
    cursor: { points: { size: 6 } },
  }, data, place);
}

const curve = document.querySelector("[data-curve]");
if (curve && window.uPlot) {
  let plot = draw(curve);
  const again = () => {
    plot.destroy();
    plot = draw(curve);
  };
  new ResizeObserver(() => plot.setSize({ width: curve.clientWidth, height: 260 })).observe(curve);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
}
