import { beforeEach, expect, test } from "vitest";
import {
  type Claim,
  type Delivery,
  type WakingOptions,
  type WakingSource,
  wakingSource,
} from "../../../src/driver/index.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";

const never = new AbortController().signal;
let clock: FakeClock;
/** The times of the claims, from the start of the test. */
let claims: number[];
/** The answers to the next claims. A claim beyond them is empty. */
let answers: (string | number | Promise<number>)[];

beforeEach(() => {
  clock = new FakeClock();
  claims = [];
  answers = [];
});

function deliveryOf(brokerId: string): Delivery {
  const leaseUntil = clock.now() + 60_000;
  return { body: "", attributes: {}, deliveryCount: 1, leaseUntil, brokerId, receipt: undefined };
}

function open(over: Partial<WakingOptions> = {}): WakingSource {
  const startedAt = clock.monotonic();
  return wakingSource({
    async claim(): Promise<Claim> {
      claims.push(clock.monotonic() - startedAt);
      const answer = await answers.shift();
      return typeof answer === "string"
        ? { deliveries: [deliveryOf(answer)] }
        : { deliveries: [], dueInMs: answer };
    },
    settle: async (operations) => operations.map(() => ({ ok: true })),
    waitMs: 30_000,
    clock,
    ...over,
  });
}

const ids = async (call: Promise<Delivery[]>): Promise<string[]> =>
  (await call).map(({ brokerId }) => brokerId);

test("a call claims at once, and returns what it has claimed", async () => {
  answers = ["a"];
  expect(await ids(open().next(1, never))).toEqual(["a"]);
  expect(claims).toEqual([0]);
});

test("without a wake-up, the pause between two claims doubles from one second to five", async () => {
  const source = open();
  void source.next(1, never);
  await clock.advance(25_000);
  expect(claims).toEqual([0, 1_000, 3_000, 7_000, 12_000, 17_000, 22_000]);
});

test("a call that found nothing ends empty when its wait is over", async () => {
  const source = open({ waitMs: 1_500 });
  const call = source.next(1, never);
  await clock.advance(1_500);
  expect(await call).toEqual([]);
});

test("a wake-up claims at once, and makes the next pause a short one again", async () => {
  const source = open();
  const call = source.next(1, never);
  await clock.advance(8_000);
  claims = [];
  source.wake();
  await clock.advance(1_000);
  expect(claims).toEqual([8_000, 9_000]);
  answers = ["a"];
  source.wake();
  expect(await ids(call)).toEqual(["a"]);
});

test("the due time that a claim has reported ends the pause", async () => {
  answers = [250.2, "a"];
  const source = open();
  const call = source.next(1, never);
  await clock.advance(250);
  expect(claims).toEqual([0]);
  await clock.advance(1);
  expect(await ids(call)).toEqual(["a"]);
  expect(claims).toEqual([0, 251]);
});

test("a due time that lies beyond the pause does not lengthen it", async () => {
  answers = [60_000];
  void open().next(1, never);
  await clock.advance(1_000);
  expect(claims).toEqual([0, 1_000]);
});

test("a notification of a delayed message brings the next claim forward, and makes none before that", async () => {
  const source = open({ floorMs: { from: 5_000, to: 5_000 } });
  void source.next(1, never);
  await clock.advance(100);
  source.wake(900);
  source.wake(2_000);
  await clock.advance(899);
  expect(claims).toEqual([0]);
  await clock.advance(1);
  expect(claims).toEqual([0, 1_000]);
});

test("a notification of a delayed message during a claim is not overwritten by the answer of that claim", async () => {
  let answer: (dueInMs: number) => void = () => {};
  answers = [new Promise((resolve) => (answer = resolve))];
  const source = open({ floorMs: { from: 5_000, to: 5_000 } });
  void source.next(1, never);
  source.wake(300);
  answer(4_000);
  await clock.advance(300);
  expect(claims).toEqual([0, 300]);
});

test("a wake-up during a claim is followed by another claim without a pause", async () => {
  let answer: (dueInMs: number) => void = () => {};
  answers = [new Promise((resolve) => (answer = resolve)), "a"];
  const source = open();
  const call = source.next(1, never);
  source.wake();
  answer(4_000);
  expect(await ids(call)).toEqual(["a"]);
});

test("a message that another receiver is taking is looked for again after a short pause, not in a loop", async () => {
  answers = [0, 0, "a"];
  const source = open();
  const call = source.next(1, never);
  await clock.advance(20);
  expect(await ids(call)).toEqual(["a"]);
  expect(claims).toEqual([0, 10, 20]);
});

test("calls that overlap are all woken by one notification", async () => {
  const source = open();
  const calls = [source.next(1, never), source.next(1, never)];
  await clock.settle();
  answers = ["a", "b"];
  source.wake();
  expect(await Promise.all(calls.map(ids))).toEqual([["a"], ["b"]]);
});

test("an abort ends the wait, and no claim follows", async () => {
  const source = open();
  const abort = new AbortController();
  const call = source.next(1, abort.signal);
  await clock.settle();
  abort.abort();
  expect(await call).toEqual([]);
  source.wake();
  source.wake(10);
  await clock.advance(10_000);
  expect(claims).toEqual([0]);
});

test("a message that arrives after its call was aborted is returned by stop", async () => {
  answers = ["a"];
  const source = open();
  const abort = new AbortController();
  const call = source.next(1, abort.signal);
  abort.abort();
  expect(await call).toEqual([]);
  expect(await ids(source.stop())).toEqual(["a"]);
});

test("a closed source frees what it holds once, and claims no more", async () => {
  let closes = 0;
  const source = open({ close: async () => void (closes += 1) });
  const call = source.next(1, never);
  await clock.settle();
  await source.close();
  await source.close();
  source.wake();
  await clock.advance(10_000);
  expect([await call, claims, closes]).toEqual([[], [0], 1]);
  await expect(source.settle([])).rejects.toMatchObject({ kind: "permanent" });
});

test("a claim that fails is reported to the call", async () => {
  const source = open({ claim: () => Promise.reject(new Error("no database")) });
  await expect(source.next(1, never)).rejects.toThrow("no database");
});
