import { beforeEach, expect, test } from "vitest";
import { type Delivery, pollingSource, type PollingOptions, sleep } from "../../../src/driver/index.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";

const never = new AbortController().signal;
let clock: FakeClock;
/** The claims that were made, in their order. Each ends when the test answers it. */
let claims: {
  readonly max: number;
  readonly waitMs: number;
  readonly signal: AbortSignal;
  answer(...ids: string[]): void;
  fail(error: Error): void;
}[];
let settled: string[];

beforeEach(() => {
  clock = new FakeClock();
  claims = [];
  settled = [];
});

function deliveryOf(brokerId: string, leaseUntil: number = clock.now() + 60_000): Delivery {
  return { body: "", attributes: {}, deliveryCount: 1, leaseUntil, brokerId, receipt: undefined };
}

function open(over: Partial<PollingOptions> = {}): ReturnType<typeof pollingSource> {
  return pollingSource({
    claim: (max, waitMs, signal) =>
      new Promise((resolve, reject) => {
        const answer = (...ids: string[]): void => resolve(ids.map((id) => deliveryOf(id)));
        claims.push({ max, waitMs, signal, answer, fail: reject });
      }),
    settle: async (operations) => {
      settled.push(...operations.map(({ delivery }) => delivery.brokerId));
      return operations.map(() => ({ ok: true }));
    },
    waitMs: 20_000,
    clock,
    ...over,
  });
}

const ids = (deliveries: readonly Delivery[]): string[] => deliveries.map(({ brokerId }) => brokerId);

test("a call claims as many messages as it asks for, with the whole wait, and returns what comes", async () => {
  const source = open();
  const call = source.next(3, never);
  claims[0]!.answer("a", "b");
  expect(ids(await call)).toEqual(["a", "b"]);
  expect(claims).toMatchObject([{ max: 3, waitMs: 20_000 }]);
});

test("a call that is aborted ends at once, and its messages go to the next call, without another claim", async () => {
  const source = open();
  const abort = new AbortController();
  const first = source.next(3, abort.signal);
  abort.abort();
  expect(await first).toEqual([]);
  expect(claims[0]!.signal.aborted).toBe(true);
  const second = source.next(3, never);
  claims[0]!.answer("a", "b");
  expect(ids(await second)).toEqual(["a", "b"]);
  expect(claims).toHaveLength(1);
});

test("messages beyond those that a call asks for are kept for the next one", async () => {
  const source = open();
  const abort = new AbortController();
  void source.next(3, abort.signal);
  abort.abort();
  const second = source.next(1, never);
  claims[0]!.answer("a", "b", "c");
  expect(ids(await second)).toEqual(["a"]);
  expect(ids(await source.next(5, never))).toEqual(["b", "c"]);
  expect(claims).toHaveLength(1);
});

test("a call claims only what the claims under way leave missing", async () => {
  const source = open();
  const abort = new AbortController();
  void source.next(3, abort.signal);
  abort.abort();
  void source.next(5, never);
  expect(claims.map(({ max }) => max)).toEqual([3, 2]);
});

test("a claim that was cut short and ends empty is replaced for the call that waits", async () => {
  const source = open();
  const abort = new AbortController();
  void source.next(3, abort.signal);
  abort.abort();
  const second = source.next(3, never);
  claims[0]!.answer();
  await clock.settle();
  claims[1]!.answer("a");
  expect(ids(await second)).toEqual(["a"]);
});

test("overlapping calls make a claim each, and the one that has waited longest gets the first messages", async () => {
  const source = open();
  const [first, second] = [source.next(2, never), source.next(2, never)];
  expect(claims).toHaveLength(2);
  claims[1]!.answer("a");
  expect(ids(await first)).toEqual(["a"]);
  claims[0]!.answer("b");
  expect(ids(await second)).toEqual(["b"]);
});

test("a claim that is lost does not hold up the call that replaces it, and its messages are kept", async () => {
  const source = open();
  const abort = new AbortController();
  void source.next(3, abort.signal);
  // The core replaces a poll 15 s after its wait.
  await clock.advance(35_000);
  abort.abort();
  const second = source.next(3, never);
  expect(claims).toHaveLength(2);
  claims[0]!.answer("late");
  expect(ids(await second)).toEqual(["late"]);
});

test("an error of a claim rejects one call", async () => {
  const source = open();
  const call = source.next(1, never);
  claims[0]!.fail(new Error("no server"));
  await expect(call).rejects.toThrow("no server");
});

test("an error of a claim that nobody waits for is left to the next call", async () => {
  const source = open();
  const abort = new AbortController();
  void source.next(1, abort.signal);
  abort.abort();
  claims[0]!.fail(new Error("no server"));
  await clock.settle();
  expect(await source.stop()).toEqual([]);
});

test("a kept message whose lease has ended is left out", async () => {
  const source = open();
  const abort = new AbortController();
  void source.next(2, abort.signal);
  abort.abort();
  claims[0]!.answer("a");
  await clock.settle();
  await clock.advance(60_000);
  expect(await source.stop()).toEqual([]);
});

test("stop ends the calls, waits for the claims under way, and returns their messages", async () => {
  const source = open();
  const call = source.next(2, never);
  let isStopped = false;
  const stop = source.stop().finally(() => (isStopped = true));
  expect(await call).toEqual([]);
  await clock.settle();
  expect(isStopped).toBe(false);
  claims[0]!.answer("a", "b");
  expect(ids(await stop)).toEqual(["a", "b"]);
  expect(await source.next(1, never)).toEqual([]);
});

test("a source settles after its stop, and rejects calls as permanent after its close", async () => {
  let closes = 0;
  const source = open({
    async close() {
      closes += 1;
    },
  });
  await source.stop();
  await source.settle([{ kind: "ack", delivery: deliveryOf("a") }]);
  await source.close();
  await source.close();
  expect([settled, closes]).toEqual([["a"], 1]);
  await expect(source.settle([])).rejects.toMatchObject({ kind: "permanent" });
  await expect(source.next(1, never)).rejects.toMatchObject({ kind: "permanent" });
});

const wait = (ms: number, signal: AbortSignal): Promise<void> => sleep(clock, Math.min(ms, 1_000), signal);

test("with a wait, an empty claim is followed by the wait and by another claim, until the whole wait is over", async () => {
  const source = open({ wait, waitMs: 1_500 });
  const call = source.next(1, never);
  claims[0]!.answer();
  await clock.advance(999);
  expect(claims).toHaveLength(1);
  await clock.advance(1);
  claims[1]!.answer();
  await clock.advance(500);
  claims[2]!.answer();
  expect(await call).toEqual([]);
  expect(claims.map(({ waitMs }) => waitMs)).toEqual([1_500, 500, 0]);
});

test("an abort ends the wait between two claims, after which no claim is made", async () => {
  const source = open({ wait });
  const abort = new AbortController();
  void source.next(1, abort.signal);
  claims[0]!.answer();
  await clock.settle();
  abort.abort();
  await clock.advance(5_000);
  expect(claims).toHaveLength(1);
  expect(await source.stop()).toEqual([]);
});

test("wake ends the wait, and a wake during a claim is followed by another claim without a wait", async () => {
  const source = open({ wait });
  const call = source.next(1, never);
  claims[0]!.answer();
  await clock.settle();
  source.wake();
  await clock.settle();
  expect(claims).toHaveLength(2);
  source.wake();
  claims[1]!.answer();
  await clock.settle();
  claims[2]!.answer("a");
  expect(ids(await call)).toEqual(["a"]);
});
