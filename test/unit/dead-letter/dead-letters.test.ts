import { describe, expect, test } from "vitest";
import { DriverError } from "../../../src/driver/error.ts";
import type { RedriveOptions, RedriveResult } from "../../../src/queue/dead-letters.ts";
import { PermanentError } from "../../../src/errors.ts";
import type { EmulatedProvider } from "../../../adapters/memory/index.ts";
import { SECOND, QueueFixture, times, watch } from "../support.ts";

class Fixture extends QueueFixture {
  constructor(emulate?: EmulatedProvider) {
    super({ queues: ["jobs"], ...(emulate === undefined ? {} : { emulate }) });
  }

  /** Dead-letters a message of each type, as a worker would. */
  async bury(...types: string[]): Promise<void> {
    for (const type of types)
      await this.queue.send("jobs", { type, id: type, payload: { of: type }, maxAttempts: 1 });
    const stop = new AbortController();
    const received = this.queue.receive("jobs", ({ type }) => Promise.reject(new Error(`${type} failed`)), {
      signal: stop.signal,
    });
    await this.clock.settle();
    await this.clock.advance(10);
    stop.abort();
    await this.clock.advance(SECOND);
    await received;
  }

  /** Runs something that waits for the provider. */
  async done<T>(work: Promise<T>): Promise<T> {
    const outcome = watch(work);
    for (let turn = 0; turn < 200 && outcome.state === "pending"; turn += 1) await this.clock.advance(100);
    return work;
  }

  async failed(): Promise<number | undefined> {
    return (await this.queue.stats("jobs")).failed;
  }

  /** What runs now: id and attempt. */
  async run(): Promise<[string, number][]> {
    const seen: [string, number][] = [];
    const stop = new AbortController();
    const received = this.queue.receive(
      "jobs",
      ({ id }, { attempt }) => Promise.resolve(void seen.push([id, attempt])),
      {
        signal: stop.signal,
      },
    );
    await this.clock.advance(SECOND);
    stop.abort();
    await this.clock.advance(SECOND);
    await received;
    return seen;
  }
}

describe.each<EmulatedProvider | undefined>([undefined, "sqs", "service-bus"])("on %s", (emulate) => {
  test("listing tells what there is, and leaves it there", async () => {
    const fixture = new Fixture(emulate);
    await fixture.bury("a", "b");
    for (const _ of times(2, () => 0)) {
      const deadLetters = await fixture.done(fixture.queue.deadLetters("jobs").list());
      expect(deadLetters.map(({ id }) => id).toSorted((one, other) => one.localeCompare(other))).toEqual([
        "a",
        "b",
      ]);
    }
    const [deadLetter] = await fixture.done(fixture.queue.deadLetters("jobs").list({ type: "a" }));

    expect(deadLetter).toMatchObject({
      message: { type: "a", payload: { of: "a" } },
      info: { reason: "max_attempts", error: "Error: a failed", attempts: 1, source: "jobs" },
    });
    expect(await fixture.failed()).toBe(2);
  });

  test("a redrive sends them back, attempts starting over, each once", async () => {
    const fixture = new Fixture(emulate);
    await fixture.bury("a", "b", "c");
    const progress: RedriveResult[] = [];
    const result = await fixture.done(
      fixture.queue
        .deadLetters("jobs")
        .redrive({ ids: ["a", "c"], onProgress: (done) => progress.push(done) }),
    );

    expect(result).toEqual({ matched: 2, redriven: 2, skipped: 0, failed: 0 });
    expect(progress.at(-1)).toEqual(result);
    expect(await fixture.failed()).toBe(1);
    expect((await fixture.run()).toSorted(([one], [other]) => one.localeCompare(other))).toEqual([
      ["a", 1],
      ["c", 1],
    ]);
  });

  test("what is redriven twice is not swallowed, and carries nothing of its first life", async () => {
    const fixture = new Fixture(emulate);
    await fixture.bury("a");
    for (const _ of times(2, () => 0)) {
      const redriven = await fixture.done(fixture.queue.deadLetters("jobs").redrive());
      expect(redriven.redriven).toBe(1);
      await fixture.bury();
    }
    expect(await fixture.failed()).toBe(1);

    await fixture.done(fixture.queue.deadLetters("jobs").redrive());
    const [again] = await fixture.peek("jobs");
    expect(again?.attributes).toEqual({ type: "a", qp_redrive: "3" });
  });

  test("discarding removes them for good", async () => {
    const fixture = new Fixture(emulate);
    await fixture.bury("a", "b");

    expect(await fixture.done(fixture.queue.deadLetters("jobs").discard({ type: "a" }))).toBe(1);
    expect(await fixture.failed()).toBe(1);
    expect(await fixture.done(fixture.queue.deadLetters("jobs").discard({}))).toBe(1);
    expect(await fixture.failed()).toBe(0);
  });
});

describe("a redrive", () => {
  test("may change messages, and leave some where they are", async () => {
    const fixture = new Fixture();
    await fixture.bury("a", "b");
    const result = await fixture.done(
      fixture.queue.deadLetters("jobs").redrive({
        transform: (message) =>
          message.type === "a" ? undefined : { type: "b2", payload: { was: message.payload } },
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

  test("that only counts moves nothing", async () => {
    const fixture = new Fixture();
    await fixture.bury("a", "b");
    const result = await fixture.done(fixture.queue.deadLetters("jobs").redrive({ dryRun: true }));

    expect(result).toEqual({ matched: 2, redriven: 2, skipped: 0, failed: 0 });
    expect(await fixture.failed()).toBe(2);
  });

  test("keeps what could not be sent", async () => {
    const fixture = new Fixture();
    await fixture.bury("a", "b");
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

  test("keeps to its rate, and stops when it is told to", async () => {
    const fixture = new Fixture();
    await fixture.bury(...times(6, String));
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

describe("a redrive beside a worker that fails everything again", () => {
  test.each<[string, { readonly body: string }, RedriveOptions]>([
    ["what cannot be read", { body: "{" }, {}],
    ["what has no id", { body: '{"type":"mail","payload":1}' }, {}],
    [
      "what gets another id on its way",
      { body: '{"id":"a","type":"mail","payload":1}' },
      { transform: ({ payload }) => ({ id: undefined, type: "mail", payload }) },
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

describe("where the provider lets nothing be removed", () => {
  const denied = new DriverError("auth", "no permission to delete");
  const denies = (fixture: Fixture): void => {
    fixture.fault = (point) =>
      point.operation === "settle" && point.operations.some(({ kind }) => kind === "ack")
        ? { kind: "error", error: denied }
        : undefined;
  };

  test("a redrive says so, and sends no more", async () => {
    const fixture = new Fixture("sqs");
    await fixture.bury(...times(15, String));
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

  test("a discard does", async () => {
    const fixture = new Fixture();
    await fixture.bury("a");
    denies(fixture);
    const discarded = watch(fixture.queue.deadLetters("jobs").discard({}));
    await fixture.clock.advance(60 * SECOND);

    expect(discarded.error).toMatchObject({ code: "auth" });
  });
});

describe("a callback that throws", () => {
  const mistake = new Error("my logger is broken");
  const broken = (): never => {
    throw mistake;
  };

  test.each<[string, RedriveOptions]>([
    ["onMessage", { onMessage: broken }],
    ["onProgress", { onProgress: broken }],
  ])("%s ends a redrive, once what was sent has been removed", async (_, options) => {
    const fixture = new Fixture();
    await fixture.bury("a", "b");
    const redriven = watch(fixture.queue.deadLetters("jobs").redrive(options));
    await fixture.clock.advance(10 * SECOND);

    expect(redriven.error).toBe(mistake);
    expect([(await fixture.queue.stats("jobs")).messages, await fixture.failed()]).toEqual([2, 0]);
  });

  test("ends a discard, and a look at the groups", async () => {
    const fixture = new Fixture();
    await fixture.bury("a", "b");
    const deadLetters = fixture.queue.deadLetters("jobs");
    const grouped = watch(deadLetters.groups({ onProgress: broken }));
    await fixture.clock.advance(10 * SECOND);
    expect(grouped.error).toBe(mistake);

    const discarded = watch(deadLetters.discard({ onProgress: broken }));
    await fixture.clock.advance(10 * SECOND);
    expect(discarded.error).toBe(mistake);
    expect(await fixture.failed()).toBe(0);
  });
});

test("what the provider put there by itself can be listed and redriven as well", async () => {
  const fixture = new Fixture();
  await fixture.plant("jobs-dlq", { body: "{", attributes: { theirs: "x" } });
  const [deadLetter] = await fixture.done(fixture.queue.deadLetters("jobs").list());
  expect(deadLetter).toMatchObject({
    message: undefined,
    body: "{",
    info: { reason: "broker", source: "jobs" },
  });

  await fixture.done(fixture.queue.deadLetters("jobs").redrive());
  expect(await fixture.peek("jobs")).toMatchObject([
    { body: "{", attributes: { theirs: "x", qp_redrive: "1" } },
  ]);
});

test("a provider that does not answer a poll does not hold up a listing for ever", async () => {
  const fixture = new Fixture("sqs");
  await fixture.bury("a");
  fixture.fault = ({ operation }) =>
    operation === "receive" ? { kind: "stall", until: new Promise(() => {}) } : undefined;
  const listed = watch(fixture.queue.deadLetters("jobs").list());
  await fixture.clock.advance(120 * SECOND);

  expect(listed.value).toEqual([]);
});
