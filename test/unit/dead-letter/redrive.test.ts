import { describe, expect, test } from "vitest";
import { DriverError } from "../../../src/driver/error.ts";
import { PermanentError } from "../../../src/errors.ts";
import type { RedriveOptions, RedriveResult } from "../../../src/queue/dead-letters.ts";
import { SECOND, times, watch } from "../support.ts";
import { Fixture } from "./fixture.ts";

describe("a redrive", () => {
  test("changes messages, and leaves those without a result in place", async () => {
    const fixture = new Fixture();
    await fixture.deadLetter("a", "b");
    const result = await fixture.done(
      fixture.queue.deadLetters("jobs").redrive({
        transform: (message) =>
          message?.type === "a" ? undefined : { type: "b2", payload: { was: message?.payload } },
      }),
    );
    expect(result).toEqual({ matched: 2, redriven: 1, skipped: 1, failed: 0 });

    const [sent] = await fixture.peek("jobs");
    expect(JSON.parse(String(sent?.body))).toMatchObject({
      id: "b",
      type: "b2",
      payload: { was: { of: "b" } },
    });
    expect(await fixture.failed()).toBe(1);
  });

  test("moves nothing in a dry run", async () => {
    const fixture = new Fixture();
    await fixture.deadLetter("a", "b");
    const result = await fixture.done(fixture.queue.deadLetters("jobs").redrive({ dryRun: true }));

    expect(result).toEqual({ matched: 2, redriven: 2, skipped: 0, failed: 0 });
    expect(await fixture.failed()).toBe(2);
  });

  test("keeps messages that could not be sent", async () => {
    const fixture = new Fixture();
    await fixture.deadLetter("a", "b");
    fixture.fault = ({ operation }) =>
      operation === "send"
        ? { kind: "fail_entries", indexes: [0], error: new DriverError("permanent", "no") }
        : undefined;
    const redriven = watch(fixture.queue.deadLetters("jobs").redrive());
    await fixture.clock.advance(SECOND);

    expect(redriven.error).toMatchObject({ code: "provider" });
    expect(await fixture.failed()).toBe(1);
    expect((await fixture.queue.stats("jobs")).messages).toBe(1);
  });

  test("keeps to its rate after the provider was slow, instead of catching up", async () => {
    const fixture = new Fixture("sqs");
    await fixture.deadLetter(...times(15, String));
    const sentAt: number[] = [];
    let polls = 0;
    fixture.fault = ({ operation, queue }) => {
      if (operation === "send" && queue === "jobs") sentAt.push(fixture.clock.now());
      if (operation === "receive" && queue === "jobs-dlq") polls += 1;
      // The second batch comes ten seconds after the first was sent.
      return operation === "receive" && polls === 2
        ? { kind: "stall", until: new Promise((resolve) => fixture.clock.timer(10_000, resolve)) }
        : undefined;
    };
    await fixture.done(fixture.queue.deadLetters("jobs").redrive({ ratePerSecond: 10 }));

    expect(sentAt).toHaveLength(15);
    const gaps = sentAt.slice(1).map((at, index) => at - (sentAt[index] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(99);
    expect(Math.max(...gaps)).toBeGreaterThan(5_000);
  });

  test("is refused to its own dead letters, on a provider that has them itself too", async () => {
    const fixture = new Fixture("service-bus");
    await fixture.deadLetter("a");
    const redriven = fixture.queue.deadLetters("jobs").redrive({ to: "jobs/$DeadLetterQueue" });

    await expect(redriven).rejects.toMatchObject({ code: "invalid_options" });
    expect(await fixture.failed()).toBe(1);
  });

  test("lets a message run again whose broker dead-lettered it before a recorded decision was carried out", async () => {
    const fixture = new Fixture();
    const decided = {
      reason: "permanent_error",
      error: "PermanentError: gone",
      attempts: 2,
      source: "jobs",
      at: new Date(0).toISOString(),
    };
    await fixture.plant("jobs-dlq", {
      body: '{"id":"a","type":"mail","payload":1}',
      attributes: { qp_decided: JSON.stringify(decided), theirs: "kept" },
    });
    const deadLetters = fixture.queue.deadLetters("jobs");
    const [letter] = await fixture.done(deadLetters.list());
    expect(letter).toMatchObject({
      info: { reason: "permanent_error", error: "PermanentError: gone", attempts: 2 },
      attributes: { theirs: "kept" },
    });

    await fixture.done(deadLetters.redrive());
    expect(await fixture.receiveAll()).toEqual([["a", 1]]);
  });

  test("keeps to its rate, and stops when its signal aborts", async () => {
    const fixture = new Fixture();
    await fixture.deadLetter(...times(6, String));
    const stop = new AbortController();
    const redriven = watch(
      fixture.queue.deadLetters("jobs").redrive({ ratePerSecond: 2, signal: stop.signal }),
    );
    await fixture.clock.advance(SECOND);
    stop.abort();
    await fixture.clock.advance(SECOND);

    expect(redriven.value).toMatchObject({ redriven: 3 });
    expect(await fixture.failed()).toBe(3);
  });
});

test("a redriven message runs again, also if a decision to dead-letter it was recorded with it", async () => {
  const fixture = new Fixture();
  const decided = '{"reason":"max_attempts","source":"jobs","at":"2026-01-01T00:00:00Z","attempts":5}';
  const attributes = { qp_decided: decided, tenant: "t1" };
  await fixture.plant("jobs-dlq", { body: '{"type":"mail","payload":1}', attributes });

  const result = await fixture.done(fixture.queue.deadLetters("jobs").redrive());

  expect(result).toMatchObject({ redriven: 1 });
  expect((await fixture.peek("jobs"))[0]?.attributes).toEqual({ qp_redrive: "1", tenant: "t1" });
});

describe("a redrive while a worker fails every message again", () => {
  test.each<[string, { readonly body: string }, RedriveOptions]>([
    ["a message that cannot be read", { body: "{" }, {}],
    ["a message without an id", { body: '{"type":"mail","payload":1}' }, {}],
    [
      "a message that gets another id",
      { body: '{"id":"a","type":"mail","payload":1}' },
      { transform: (message) => ({ id: undefined, type: "mail", payload: message?.payload }) },
    ],
  ])("sends %s once", async (_, { body }, options) => {
    const fixture = new Fixture();
    await fixture.plant("jobs-dlq", { body, attributes: {} });
    await fixture.plant("jobs-dlq", { body, attributes: {} });
    const stop = new AbortController();
    const received = fixture.queue.receive("jobs", () => Promise.reject(new PermanentError("no")), {
      signal: stop.signal,
    });

    const result = await fixture.done(fixture.queue.deadLetters("jobs").redrive(options));
    expect(result).toEqual({ matched: 2, redriven: 2, skipped: 0, failed: 0 });

    await fixture.clock.advance(SECOND);
    expect(await fixture.failed()).toBe(2);

    stop.abort();
    await fixture.clock.advance(SECOND);
    await received;
  });
});

describe("a provider that refuses to remove messages", () => {
  const denied = new DriverError("auth", "no permission to delete");
  const denies = (fixture: Fixture): void => {
    fixture.fault = (point) =>
      point.operation === "settle" && point.operations.some(({ kind }) => kind === "ack")
        ? { kind: "error", error: denied }
        : undefined;
  };

  test("stops a redrive after one batch, with the error of the provider", async () => {
    const fixture = new Fixture("sqs");
    await fixture.deadLetter(...times(15, String));
    denies(fixture);
    const steps: string[] = [];
    let last: RedriveResult | undefined;
    const redriven = watch(
      fixture.queue.deadLetters("jobs").redrive({
        onMessage: ({ outcome }) => void steps.push(outcome),
        onProgress: (done) => (last = done),
      }),
    );
    await fixture.clock.advance(60 * SECOND);

    expect(redriven.error).toMatchObject({ code: "auth" });
    expect(last).toEqual({ matched: 10, redriven: 0, skipped: 0, failed: 10 });
    expect(steps).toEqual(times(10, () => "failed"));
    expect((await fixture.queue.stats("jobs")).messages).toBe(10);
  });

  test("fails a discard with the error of the provider", async () => {
    const fixture = new Fixture();
    await fixture.deadLetter("a");
    denies(fixture);
    const discarded = watch(fixture.queue.deadLetters("jobs").discard({}));
    await fixture.clock.advance(60 * SECOND);

    expect(discarded.error).toMatchObject({ code: "auth" });
  });
});
