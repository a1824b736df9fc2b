import { setTimeout as sleep } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import type { JobEvent, ReceiveEvent } from "../../src/diagnostics.ts";
import { SqsFixture } from "../support/sqs-fixture.ts";
import { sqsProxyMissing } from "../support/sqs-server.ts";

const SILENCE_MS = 60_000;
const PATIENCE = { timeout: 120_000, interval: 50 };
const isLong = process.env["QUEUEPORT_TEST_LONG"] === "1";
if (!isLong) console.warn("SKIPPED: a minute of silence. Set QUEUEPORT_TEST_LONG=1 to run it.");

// Uses every default, as a deployed worker does. A shorter form of this test is in sqs.test.ts.
test.skipIf(!isLong || sqsProxyMissing() !== undefined).concurrent.for([
  ["receive", "ReceiveMessage", 0],
  ["ack", "DeleteMessageBatch", 0],
  ["extend", "ChangeMessageVisibilityBatch", 75_000],
] as const)(
  "a worker on SQS loses no message, and goes on, after a minute in which no %s request is answered",
  { timeout: 300_000 },
  async ([name, operation, workMs]) => {
    await using fixture = await SqsFixture.start();
    await using proxied = await fixture.proxiedQueue({ waitSeconds: undefined });
    const events = new Map<string, number>();
    const onEvent = ({ event }: JobEvent | ReceiveEvent): void =>
      void events.set(event, (events.get(event) ?? 0) + 1);
    const done = new Set<string>();
    let [runs, isOver] = [0, false];
    const stop = proxied.receive(
      async ({ id }) => {
        runs += 1;
        if (!isOver) await sleep(workMs);
        done.add(id);
      },
      { onEvent },
    );
    await vi.waitFor(() => expect(proxied.calls("ReceiveMessage").length).toBeGreaterThan(1), PATIENCE);
    const hole = proxied.proxy.on({ operation, times: Number.POSITIVE_INFINITY }, { kind: "black_hole" });
    const ids = await proxied.fill(20);
    await sleep(SILENCE_MS);
    hole.remove();
    isOver = true;
    const since = Date.now();
    ids.push(...(await proxied.fill(20)));
    await vi.waitFor(() => expect(done).toEqual(new Set(ids)), PATIENCE);
    await vi.waitFor(async () => {
      const { messages, inFlight } = await proxied.direct.stats(proxied.name);
      expect([messages, inFlight]).toEqual([0, 0]);
    }, PATIENCE);
    console.log(
      `${name}: ${hole.hits} requests without an answer; all 40 done ${Date.now() - since} ms after; ${runs} runs; ${JSON.stringify([...events])}`,
    );
    expect(hole.hits).toBeGreaterThan(1);
    await stop();
  },
);
