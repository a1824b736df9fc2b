import { describe, expect, test } from "vitest";
import type { Outgoing } from "../../../src/driver/contract.ts";
import { HOUR, MINUTE, QueueFixture, SECOND } from "../support.ts";

const NATIVE = { replyTo: "elsewhere" };

/** A queue with one foreign message, which has a part that only the driver understands. */
async function planted(): Promise<{ fixture: QueueFixture; sent: [string, unknown][] }> {
  const fixture = new QueueFixture({ queues: ["jobs"], emulate: "sqs" });
  await fixture.plant("jobs", {
    body: JSON.stringify({ type: "mail", payload: 1, max_attempts: 2 }),
    native: NATIVE,
  });
  const sent: [string, unknown][] = [];
  const send = fixture.driver.send.bind(fixture.driver);
  fixture.driver.send = (queue, messages: readonly Outgoing[], signal) => {
    for (const { native } of messages) sent.push([queue, native]);
    return send(queue, messages, signal);
  };
  return { fixture, sent };
}

describe("the part of a message that only its driver understands", () => {
  test("goes with every copy: to the delay queue, back, to the dead letters, and in a redrive", async () => {
    const { fixture, sent } = await planted();
    const { queue, clock } = fixture;
    const stop = new AbortController();
    const fail = (): Promise<never> => Promise.reject(new Error("no"));
    const backoff = { baseMs: 20 * HOUR, capMs: 20 * HOUR, factor: 1, jitter: false };
    const received = queue.receive("jobs", fail, { signal: stop.signal, backoff });
    await clock.advance(21 * HOUR);
    expect(sent).toEqual([
      ["jobs-delay", NATIVE],
      ["jobs", NATIVE],
      ["jobs-dlq", NATIVE],
    ]);
    stop.abort();
    await clock.advance(MINUTE);
    await received;

    const redriven = queue.deadLetters("jobs").redrive();
    await clock.until(redriven);
    expect(sent.at(-1)).toEqual(["jobs", NATIVE]);
    const [back] = await fixture.peek("jobs");
    expect(back?.native).toEqual(NATIVE);
    await clock.advance(SECOND);
  });
});
