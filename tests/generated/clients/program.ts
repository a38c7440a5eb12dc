// Calls every operation of a running service of app1 with the client that openapi-typescript makes.
import assert from "node:assert/strict";

import createClient from "openapi-fetch";

import type { components, paths } from "./ledger.js";

type Entry = components["schemas"]["Entry"];
type Problem = components["schemas"]["Problem"];

const client = createClient<paths>({ baseUrl: process.argv[2]! });
const owner_id = "typescript";
const path = { owner_id };
const started = new Date(Date.now() - 60_000).toISOString();

async function recordAndReplay(): Promise<void> {
  const body = { owner_id, operation: "CREDIT_ADD", amount: 100, nonce: "ts-1" } as const;
  const first = await client.POST("/ledger", { body });
  assert.equal(first.response.status, 201);
  assert.equal(first.data?.balance, 100);
  assert.equal(first.data.replayed, false);

  const again = await client.POST("/ledger", { body });
  assert.equal(again.response.status, 200);
  assert.equal(again.data?.replayed, true);
  assert.equal(again.data.entry_id, first.data.entry_id);
}

async function recordWithHeader(): Promise<void> {
  const { data } = await client.POST("/ledger", {
    body: { owner_id, operation: "CREDIT_ADD", amount: 1, metadata: { order: 7 } },
    params: { header: { "Idempotency-Key": "ts-2" } },
  });
  assert.equal(data?.nonce, "ts-2");
  assert.deepEqual(data.metadata, { order: 7 });
}

async function overdraw(): Promise<void> {
  const { data, error, response } = await client.POST("/ledger", {
    body: { owner_id, operation: "CREDIT_SPEND", amount: -1000, nonce: "ts-3" },
  });
  assert.equal(data, undefined);
  assert.equal(response.status, 402);
  assert.equal(error?.code, "insufficient_balance");
  assert.equal(error["available"], 101);
}

async function recordBatch(): Promise<void> {
  const { data } = await client.POST("/ledger/batch", {
    body: {
      entries: [
        { owner_id, operation: "CREDIT_SPEND", amount: -1, nonce: "ts-4" },
        { owner_id, operation: "CREDIT_SPEND", amount: -1000, nonce: "ts-5" },
      ],
    },
  });
  const [recorded, refused] = data!.results as [Entry, Problem];
  assert.equal(recorded.balance, 100);
  assert.equal(refused.code, "insufficient_balance");
}

async function transfer(): Promise<void> {
  const { data } = await client.POST("/ledger/transfers", {
    body: {
      from_owner_id: owner_id,
      to_owner_id: "typescript's friend",
      operation: "CREDIT_GIFT",
      amount: 7,
      nonce: "ts/gift",
    },
  });
  assert.equal(data?.sent.balance, 93);
  assert.equal(data.received[0]?.balance, 7);
  const back = { original_nonce: "ts/gift", nonce: "ts-9" };
  assert.equal((await client.POST("/ledger/reversals", { body: back })).data?.balance, 100);
}

async function reverse(): Promise<void> {
  const { data } = await client.POST("/ledger/reversals", {
    body: { original_nonce: "ts-1", nonce: "ts-6", amount: 10 },
  });
  assert.equal(data?.operation, "REVERSAL");
  assert.equal(data.balance, 90);
}

async function holdAndCapture(): Promise<void> {
  const placed = await client.POST("/ledger/holds", {
    body: { owner_id, operation: "CREDIT_SPEND", amount: 20, nonce: "ts/job" },
  });
  assert.equal(placed.data?.status, "open");

  const params = { path: { hold_nonce: "ts/job" } };
  const extended = await client.POST("/ledger/holds/{hold_nonce}/extend", {
    params,
    body: { expires_in: 3600 },
  });
  assert.ok(extended.data!.expires_at > placed.data.expires_at);

  const grown = await client.POST("/ledger/holds/{hold_nonce}/grow", {
    params,
    body: { nonce: "ts-8", by: 1 },
  });
  assert.equal(grown.data?.remaining, 21);

  const captured = await client.POST("/ledger/holds/{hold_nonce}/capture", {
    params,
    body: { nonce: "ts-7", amount: 5, final: false },
  });
  assert.equal(captured.data?.amount, -5);
  assert.equal(captured.data.hold_nonce, "ts/job");

  const released = await client.POST("/ledger/holds/{hold_nonce}/release", { params });
  assert.equal(released.data?.status, "released");
  assert.equal(released.data.captured, 5);
}

async function read(): Promise<void> {
  const now = await client.GET("/ledger/{owner_id}", { params: { path } });
  assert.ok(now.data && "available" in now.data);
  assert.equal(now.data.available, 85);

  const query = { at: started };
  const then = await client.GET("/ledger/{owner_id}", { params: { path, query } });
  assert.equal(then.data?.balance, 0);

  const page = await client.GET("/ledger/{owner_id}/entries", {
    params: { path, query: { limit: 2 } },
  });
  assert.equal(page.data?.entries.length, 2);
  const rest = await client.GET("/ledger/{owner_id}/entries", {
    params: { path, query: { cursor: page.data.next! } },
  });
  assert.equal(rest.data?.entries.at(-1)?.seq, 1);
  assert.equal(rest.data.next, null);

  const holds = await client.GET("/ledger/{owner_id}/holds", {
    params: { path, query: { status: "released" } },
  });
  assert.equal(holds.data?.holds[0]?.nonce, "ts/job");

  const period = { since: started, until: new Date(Date.now() + 60_000).toISOString() };
  const statement = await client.GET("/ledger/{owner_id}/statement", {
    params: { path, query: period },
  });
  assert.equal(statement.data?.closing, 85);
  const timeline = await client.GET("/ledger/{owner_id}/timeline", { params: { path } });
  assert.equal(timeline.data?.steps.at(-1)?.balance, 85);
  const lots = await client.GET("/ledger/{owner_id}/lots", { params: { path } });
  assert.ok(lots.data?.lots);
  const parts = await client.GET("/ledger/{owner_id}/parts", { params: { path } });
  assert.ok(parts.data?.parts);
  const forecast = await client.GET("/ledger/{owner_id}/forecast", { params: { path } });
  assert.ok(forecast.data?.events);
}

async function giveRegularly(): Promise<void> {
  const granted = await client.POST("/ledger/allowances", {
    body: {
      owner_id,
      operation: "CREDIT_ADD",
      nonce: "ts/plan",
      amount: 100,
      starts_at: new Date(Date.now() + 365 * 86_400_000).toISOString(),
    },
  });
  assert.equal(granted.data?.status, "open");
  const plan = { path: { allowance_nonce: "ts/plan" } };
  const changed = await client.POST("/ledger/allowances/{allowance_nonce}/change", {
    params: plan,
    body: { nonce: "ts-more", amount: 200 },
  });
  assert.equal(changed.data?.amount, 200);
  const ended = await client.POST("/ledger/allowances/{allowance_nonce}/end", {
    params: plan,
    body: {},
  });
  assert.equal(ended.data?.status, "ended");
  const found = await client.GET("/ledger/{owner_id}/allowances", { params: { path } });
  assert.equal(found.data?.allowances[0]?.nonce, "ts/plan");
}

async function limit(): Promise<void> {
  const address = { path: { ...path, budget: "daily" } };
  const budget = await client.PUT("/ledger/{owner_id}/budgets/{budget}", {
    params: address,
    body: { most: 1000, period: "day", actor: "olga", reason: "as agreed" },
  });
  assert.equal(budget.data?.most, 1000);
  const under = await client.GET("/ledger/{owner_id}/budgets", { params: { path } });
  assert.equal(under.data?.budgets[0]?.budget, "daily");
  const left = await client.DELETE("/ledger/{owner_id}/budgets/{budget}", {
    params: { ...address, query: { actor: "olga", reason: "over" } },
  });
  assert.equal(left.data?.budgets.length, 0);
  const spenders = await client.GET("/ledger/{owner_id}/spenders", {
    params: { path, query: { since: started } },
  });
  assert.ok(spenders.data?.spenders);
}

async function followEvents(): Promise<void> {
  const stop = new AbortController();
  const { data } = await client.GET("/events", { parseAs: "stream", signal: stop.signal });
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of data!) {
    text += decoder.decode(chunk, { stream: true });
    if (/^data: .*\n\n/m.test(text)) break;
  }
  stop.abort();
  const entry = JSON.parse(/^data: (.*)$/m.exec(text)![1]!) as Entry;
  assert.equal(entry.nonce, "ts-1");
}

async function readCatalogue(): Promise<void> {
  const operations = await client.GET("/operations");
  assert.ok(operations.data?.operations.some((one) => one.operation === "CREDIT_ADD"));
  const kinds = await client.GET("/problems");
  assert.ok(kinds.data?.some((kind) => kind.code === "insufficient_balance"));
  const kind = await client.GET("/problems/{code}", {
    params: { path: { code: "insufficient_balance" } },
  });
  assert.equal(kind.data?.status, 402);
}

async function checkHealth(): Promise<void> {
  assert.equal((await client.GET("/health/live")).data?.status, "ok");
  assert.equal((await client.GET("/health/ready")).data?.checks["database"], "ok");
}

await recordAndReplay();
await recordWithHeader();
await overdraw();
await recordBatch();
await transfer();
await reverse();
await holdAndCapture();
await read();
await giveRegularly();
await limit();
await followEvents();
await readCatalogue();
await checkHealth();
