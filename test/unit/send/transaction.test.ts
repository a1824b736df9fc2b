import { beforeEach, expect, test } from "vitest";
import { createQueue } from "../../../src/client/create-queue.ts";
import type { Driver, DriverSendOptions, Outgoing, SendResult } from "../../../src/driver/contract.ts";
import { DriverError } from "../../../src/driver/error.ts";
import type { Limits } from "../../../src/driver/limits.ts";
import type { SendOptions } from "../../../src/queue/queue.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { driverOf, limits, times, traits } from "../support.ts";

/** One call of the driver. */
interface Call {
  readonly queue: string;
  readonly types: readonly string[];
  readonly transaction: unknown;
}

let clock: FakeClock;
let calls: Call[];
let running: number;
let mostRunning: number;
let answer: (messages: readonly Outgoing[]) => Promise<SendResult[]>;

beforeEach(() => {
  clock = new FakeClock();
  calls = [];
  running = 0;
  mostRunning = 0;
  answer = async (messages) => messages.map(() => ({ ok: true }));
});

const typeOf = ({ body }: Outgoing): string => (JSON.parse(String(body)) as { type: string }).type;

function open(over: Partial<Limits> = {}, store?: object): ReturnType<typeof createQueue> {
  const driver: Driver = driverOf({
    limits: { ...limits, transactional: true, ...over },
    describe: async () => ({ ...traits, nativeDelayMs: 900_000 }),
    async send(queue, messages, _signal, options?: DriverSendOptions) {
      calls.push({ queue, types: messages.map(typeOf), transaction: options?.transaction });
      running += 1;
      mostRunning = Math.max(mostRunning, running);
      await Promise.resolve();
      running -= 1;
      return answer(messages);
    },
  });
  return createQueue(driver, { clock, random: () => 0.5, delayStore: store as never });
}

const message = (type: string): { type: string; payload: object } => ({ type, payload: {} });

test("the driver gets the transaction of a send, and shares no call of it with sends outside", async () => {
  const queue = open();
  const transaction = { query: () => {} };
  await Promise.all([
    queue.send("jobs", message("outside")),
    queue.send("jobs", message("inside"), { transaction }),
    queue.send("jobs", message("of another"), { transaction: () => {} }),
  ]);
  expect(calls).toHaveLength(3);
  expect(calls.find(({ types }) => types[0] === "outside")?.transaction).toBeUndefined();
  expect(calls.find(({ types }) => types[0] === "inside")?.transaction).toBe(transaction);
});

test("the statements of one transaction run one after the other, also to several queues", async () => {
  const queue = open({ maxBatch: 2 });
  const transaction = {};
  const sending = times(5, (index) =>
    queue.send(index % 2 === 0 ? "a" : "b", message(String(index)), { transaction }),
  );
  const batch = queue.sendBatch(
    "a",
    times(3, (index) => message(`batch ${index}`)),
    { transaction },
  );
  await Promise.all([...sending, batch]);
  expect(mostRunning).toBe(1);
  expect(calls.flatMap(({ queue: to, types }) => (to === "a" ? types : []))).toEqual(
    "0,2,4,batch 0,batch 1,batch 2".split(","),
  );
});

test.each(["transient", "throttled", "ambiguous", "permanent"] as const)(
  "a statement that fails as %s is not repeated, and its error reaches the caller",
  async (kind) => {
    const queue = open();
    const cause = new DriverError(kind, "could not serialize access");
    answer = () => Promise.reject(cause);
    const sending = queue.send("jobs", message("a"), { transaction: {} });
    await expect(sending).rejects.toThrow("could not serialize access");
    await clock.advance(60_000);
    expect(calls).toHaveLength(1);
    const code = await sending.catch((error: { code: string; retryable: boolean }) => [
      error.code,
      error.retryable,
    ]);
    const codes = { transient: "unavailable", throttled: "unavailable", ambiguous: "send_unknown" };
    expect(code).toEqual([kind === "permanent" ? "provider" : codes[kind], kind !== "permanent"]);
  },
);

test("a delayed message in a transaction is delayed by the provider", async () => {
  const queue = open();
  const { id } = await queue.sendDelayed("jobs", message("later"), 5_000, { transaction: {} });
  expect(id).toBeTypeOf("string");
  expect(calls).toHaveLength(1);
});

test("a message beyond the provider's longest delay is written into the delay queue, in the same transaction", async () => {
  const queue = open();
  const transaction = {};
  await queue.sendDelayed("jobs", message("next week"), "7d", { transaction });
  expect(calls).toEqual([{ queue: "jobs-delay", types: ["next week"], transaction }]);
});

const refusals: readonly (readonly [string, Partial<Limits>, SendOptions])[] = [
  ["not_supported", { transactional: false }, { transaction: {} }],
  ["invalid_options", {}, { transaction: "tx-1" as never }],
  ["invalid_options", {}, { transaction: null as never }],
];

test.each(refusals)("a send is refused as %s with %o and %o", async (code, over, options) => {
  const queue = open(over);
  await expect(queue.send("jobs", message("a"), options)).rejects.toMatchObject({ code });
  expect(await queue.sendBatch("jobs", [message("a")], options)).toMatchObject([
    { ok: false, error: { code } },
  ]);
  expect(calls).toEqual([]);
});

test("a delayed message in a transaction is refused if delayed messages wait in a delay store", async () => {
  const queue = open({}, { put: () => Promise.reject(new Error("not expected")) });
  const sending = queue.sendDelayed("jobs", message("later"), 5_000, { transaction: {} });
  await expect(sending).rejects.toMatchObject({ code: "not_supported" });
  await queue.send("jobs", message("now"), { transaction: {} });
  expect(calls).toHaveLength(1);
});
