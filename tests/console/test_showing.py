"""Values on the pages: no character deceives, no digit is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ledger_py.console.showing import address, amount, lines, moment, plain, relative, said, signed

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def hidden(code: str, name: str) -> str:
    return f'<span class="hidden" title="{name}">{code}</span>'


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("alice", "alice"),
        ("<b>&'\"", "&lt;b&gt;&amp;&#39;&#34;"),
        ("مستخدم", "مستخدم"),
        ("é ü", "é ü"),
        ("👩\u200d🚀❤\ufe0f", "👩\u200d🚀❤\ufe0f"),
        ("a\u202eb", f"a{hidden('U+202E', 'RIGHT-TO-LEFT OVERRIDE')}b"),
        ("a\u200db", f"a{hidden('U+200D', 'ZERO WIDTH JOINER')}b"),
        ("\ufeffa", f"{hidden('U+FEFF', 'ZERO WIDTH NO-BREAK SPACE')}a"),
        ("a\n", f"a{hidden('U+000A', 'no name')}"),
        ("a ", f"a{hidden('U+0020', 'SPACE')}"),
        ("a  b", f"a {hidden('U+0020', 'SPACE')}b"),
        ("a\u00a0b", f"a{hidden('U+00A0', 'NO-BREAK SPACE')}b"),
        ("\u3164", hidden("U+3164", "HANGUL FILLER")),
        ("a\ufe00", f"a{hidden('U+FE00', 'VARIATION SELECTOR-1')}"),
        ("\U000e0041", hidden("U+E0041", "TAG LATIN CAPITAL LETTER A")),
    ],
)
def test_text_is_escaped_and_its_hidden_characters_are_named(text: str, shown: str) -> None:
    assert said(text) == f'<bdi class="said">{shown}</bdi>'


def test_amounts_are_grouped() -> None:
    assert amount(-9007199254740991) == "\u22129\u202f007\u202f199\u202f254\u202f740\u202f991"
    assert [signed(number) for number in (3, 0, -3)] == ["+3", "0", "\u22123"]


def test_time_is_in_utc_with_its_iso_form() -> None:
    at = datetime(2026, 1, 1, 2, 30, 0, 5, tzinfo=UTC).astimezone()
    assert moment(at, now=NOW) == (
        '<time datetime="2026-01-01T02:30:00.000005Z" title="in 2 hours">2026-01-01 02:30:00</time>'
    )
    assert moment(None) == "\u2013"


@pytest.mark.parametrize(
    ("away", "told"),
    [
        (timedelta(seconds=0.2), "now"),
        (timedelta(seconds=1), "in 1 second"),
        (timedelta(minutes=-3), "3 minutes ago"),
        (timedelta(days=29), "in 29 days"),
        (timedelta(days=-400), "1 year ago"),
    ],
)
def test_distance_in_its_largest_unit(away: timedelta, told: str) -> None:
    assert relative(NOW + away, now=NOW) == told


def test_addresses_hold_any_owner() -> None:
    assert address("owner", owner_id="a/b?c#d&e é", asset=None) == (
        "owner?owner_id=a%2Fb%3Fc%23d%26e%20%C3%A9"
    )


def test_document_keeps_its_lines_and_names_what_is_hidden() -> None:
    shown = lines('{\n    "a  b": "\u202e"\n}')
    first, second, third = shown.split("\n")
    assert first == '<bdi class="said">{</bdi>'
    assert second.startswith('    <bdi class="said">&#34;a ')
    assert "U+202E" in second
    assert "U+000A" not in shown
    assert third == '<bdi class="said">}</bdi>'


def test_rule_of_a_journal_is_shown_without_what_it_leaves_open() -> None:
    rule = {"most": 20, "period": "day", "app": None, "time_zone": "UTC"}
    assert plain(rule) == "most 20, period day, time zone UTC"
