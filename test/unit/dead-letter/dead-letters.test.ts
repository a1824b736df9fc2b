import { describe, expect, test } from "vitest";
import type { EmulatedProvider } from "../../../adapters/memory/index.ts";
import type {
  DeadLetter,
  ListOptions,
  RedriveOptions,
  RedriveResult,
} from "../../../src/queue/dead-letters.ts";
import { SECOND, times, watch } from "../support.ts";
import { Fixture } from "./fixture.ts";

describe.each<[string, EmulatedProvider | undefined]>([
  ["memory", undefined],
  ["an emulated SQS", "sqs"],
  ["an emulated Service Bus", "service-bus"],
])("the dead letters of %s", (_name, emulate) => {
  test("are listed with their reason, and stay in the dead-letter queue", async () => {
    const fixture = new Fixture(emulate);
    await fixture.deadLetter("a", "b");

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

  test("are sent back once by a redrive, and start at their first attempt", async () => {
    const fixture = new Fixture(emulate);
    await fixture.deadLetter("a", "b", "c");
    const progress: RedriveResult[] = [];

    const result = await fixture.done(
      fixture.queue
        .deadLetters("jobs")
        .redrive({ ids: ["a", "c"], onProgress: (done) => progress.push(done) }),
    );

    expect(result).toEqual({ matched: 2, redriven: 2, skipped: 0, failed: 0 });
    expect(progress.at(-1)).toEqual(result);
    expect(await fixture.failed()).toBe(1);
    expect((await fixture.receiveAll()).toSorted(([one], [other]) => one.localeCompare(other))).toEqual([
      ["a", 1],
      ["c", 1],
    ]);
  });

  test("can be redriven several times, and lose the attributes of earlier attempts", async () => {
    const fixture = new Fixture(emulate);
    await fixture.deadLetter("a");

    for (const _ of times(2, () => 0)) {
      const redriven = await fixture.done(fixture.queue.deadLetters("jobs").redrive());
      expect(redriven.redriven).toBe(1);

      await fixture.deadLetter();
    }
    expect(await fixture.failed()).toBe(1);

    await fixture.done(fixture.queue.deadLetters("jobs").redrive());
    const [again] = await fixture.peek("jobs");
    expect(again?.attributes).toEqual({ type: "a", qp_redrive: "3" });
  });

  test("are removed by a discard", async () => {
    const fixture = new Fixture(emulate);
    await fixture.deadLetter("a", "b");

    expect(await fixture.done(fixture.queue.deadLetters("jobs").discard({ type: "a" }))).toBe(1);
    expect(await fixture.failed()).toBe(1);
    expect(await fixture.done(fixture.queue.deadLetters("jobs").discard({}))).toBe(1);
    expect(await fixture.failed()).toBe(0);
  });

  test("are kept by a discard whose function says no", async () => {
    const fixture = new Fixture(emulate);
    await fixture.deadLetter("a", "b", "c");
    const deadLetters = fixture.queue.deadLetters("jobs");
    const asked: (string | undefined)[] = [];
    const where = ({ message }: DeadLetter): Promise<boolean> => {
      asked.push(message?.type);
      return Promise.resolve(message?.type === "b");
    };
    expect(await fixture.done(deadLetters.discard({ where, dryRun: true }))).toBe(1);
    expect(await fixture.failed()).toBe(3);
    expect(await fixture.done(deadLetters.discard({ where }))).toBe(1);
    expect(await fixture.failed()).toBe(2);
    expect(await fixture.done(deadLetters.discard({ type: "a", where }))).toBe(0);
    expect(asked.filter((type) => type === "c")).toHaveLength(2);
  });
});

describe("a callback that throws", () => {
  const mistake = new Error("my logger is broken");
  const broken = (): never => {
    throw mistake;
  };

  // An async callback, which TypeScript alone does not forbid.
  const rejecting = Promise.reject.bind(Promise, mistake) as () => void;

  test.each<[string, RedriveOptions]>([
    ["onMessage", { onMessage: broken }],
    ["onProgress", { onProgress: broken }],
    ["an async onMessage", { onMessage: rejecting }],
    ["an async onProgress", { onProgress: rejecting }],
  ])("ends a redrive as %s after the sent messages were removed", async (_, options) => {
    const fixture = new Fixture();
    await fixture.deadLetter("a", "b");
    const redriven = watch(fixture.queue.deadLetters("jobs").redrive(options));
    await fixture.clock.advance(10 * SECOND);

    expect(redriven.error).toBe(mistake);
    expect([(await fixture.queue.stats("jobs")).messages, await fixture.failed()]).toEqual([2, 0]);
  });

  test("ends a discard and a count of the groups", async () => {
    const fixture = new Fixture();
    await fixture.deadLetter("a", "b");
    const deadLetters = fixture.queue.deadLetters("jobs");
    const grouped = watch(deadLetters.groups({ onProgress: broken }));
    await fixture.clock.advance(10 * SECOND);
    expect(grouped.error).toBe(mistake);

    const discarded = watch(deadLetters.discard({ onProgress: broken }));
    await fixture.clock.advance(10 * SECOND);
    expect(discarded.error).toBe(mistake);
    expect(await fixture.failed()).toBe(0);
  });

  test.each([broken, rejecting])("ends a discard, and keeps what it was asked about (%#)", async (where) => {
    const fixture = new Fixture();
    await fixture.deadLetter("a", "b");
    const discarded = watch(fixture.queue.deadLetters("jobs").discard({ where: where as () => boolean }));
    await fixture.clock.advance(10 * SECOND);
    expect(discarded.error).toBe(mistake);
    expect(await fixture.failed()).toBe(2);
  });
});

test("messages that the provider dead-lettered are listed and redriven", async () => {
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

test("a listing polls no more once it has its limit", async () => {
  const fixture = new Fixture("sqs");
  await fixture.deadLetter(...times(25, String));
  fixture.requests.length = 0;
  const listed = await fixture.done(fixture.queue.deadLetters("jobs").list({ limit: 3 }));

  expect(listed).toHaveLength(3);
  expect(fixture.requests.filter(({ operation }) => operation === "receive")).toHaveLength(1);
});

test("a listing includes the first and the last moment of its filter", async () => {
  const fixture = new Fixture();
  await fixture.deadLetter("a");
  const deadLetters = fixture.queue.deadLetters("jobs");
  const [{ info } = { info: undefined }] = await fixture.done(deadLetters.list());
  const at = info?.at ?? new Date(Number.NaN);
  const [before, after] = [new Date(at.getTime() - 1), new Date(at.getTime() + 1)];
  const found = async (filter: ListOptions): Promise<number> =>
    (await fixture.done(deadLetters.list(filter))).length;

  expect([await found({ since: at }), await found({ until: at })]).toEqual([1, 1]);
  expect([await found({ since: after }), await found({ until: before })]).toEqual([0, 0]);
});

test("a listing fails if the provider does not answer a poll, since it says nothing about the queue", async () => {
  const fixture = new Fixture("sqs");
  await fixture.deadLetter("a");
  fixture.fault = ({ operation }) =>
    operation === "receive" ? { kind: "stall", until: new Promise(() => {}) } : undefined;
  const deadLetters = fixture.queue.deadLetters("jobs");
  const all = [deadLetters.list(), deadLetters.groups(), deadLetters.redrive(), deadLetters.discard({})].map(
    (work) => watch<unknown>(work),
  );
  await fixture.clock.advance(120 * SECOND);

  for (const { error } of all) {
    expect(error).toMatchObject({ code: "unavailable", retryable: true });
    expect((error as Error).message).toContain("was not answered within 16000 ms");
  }
});
