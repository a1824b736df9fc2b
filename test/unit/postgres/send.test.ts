import { expect, test } from "vitest";
import { encodeBatch } from "../../../adapters/postgres/send.ts";
import type { Outgoing } from "../../../src/driver/index.ts";

const message: Outgoing = { body: "{}", attributes: { type: "a" }, delayMs: 0 };

test("a batch is the JSON of its messages, and knows when the first is due", () => {
  const batch = encodeBatch([
    { ...message, delayMs: 500 },
    { ...message, body: 'say "hi"', delayMs: 20, orderingKey: "k", dedupId: "u" },
  ]);
  expect(JSON.parse(batch.json)).toEqual([
    { b: "{}", a: '{"type":"a"}', d: 500 },
    { b: 'say "hi"', a: '{"type":"a"}', d: 20, k: "k", u: "u" },
  ]);
  expect(batch.dueInMs).toBe(20);
});

test("a body that text cannot hold is sent as bytes", () => {
  const bytes = new Uint8Array([0, 255]);
  const bodies = ["with \0 in it", "half \ud800", bytes].map((body) => ({ ...message, body }));
  const { json } = encodeBatch(bodies);
  bytes.fill(1);
  const items = JSON.parse(json) as { x: string }[];
  expect(Buffer.from(items[0]!.x, "base64").toString()).toBe("with \0 in it");
  expect([...Buffer.from(items[2]!.x, "base64")]).toEqual([0, 255]);
});

test("a message with a key that Postgres cannot hold fails alone, and the ids go to the others", () => {
  const batch = encodeBatch([
    message,
    { ...message, orderingKey: "\0" },
    { ...message, dedupId: "x".repeat(1_001) },
    { ...message, cancellable: true },
  ]);
  expect(batch.size).toBe(2);
  const [first, nul, long, last] = batch.results(["7", "8"]);
  expect(first).toEqual({ ok: true, brokerId: "7" });
  expect(nul).toMatchObject({ ok: false, error: { kind: "permanent" } });
  expect(long).toMatchObject({ ok: false, error: { kind: "permanent" } });
  expect(last).toEqual({ ok: true, brokerId: "8", handle: "postgres:8" });
});

test("a message that the answer does not mention may have been stored", () => {
  const [one, other] = encodeBatch([message, message]).results(["7"]);
  expect(one).toMatchObject({ ok: true });
  expect(other).toMatchObject({ ok: false, error: { kind: "ambiguous" } });
});
