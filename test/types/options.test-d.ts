// oxlint-disable vitest/expect-expect -- an expected error is an assertion as well
import type { Logger as PinoLogger } from "pino";
import { describe, expectTypeOf, test } from "vitest";
import { type ConfigFile, openQueue, type QueueConfig } from "../../adapters/open.ts";
import { type ErrorCode, isQueueError, type Logger } from "../../src/index.ts";
import type { Queue, QueueStats, SendOutcome, SendReceipt, Worker } from "../../src/index.ts";

declare const queue: Queue;
declare const worker: Worker;

describe("a configuration", () => {
  test("is told apart by its provider", () => {
    void openQueue({ provider: "memory", capacity: 10 });
    // @ts-expect-error -- there is no such provider
    void openQueue({ provider: "carrier-pigeon" });
    // @ts-expect-error -- capacity is misspelt
    void openQueue({ provider: "memory", capasity: 10 });
    expectTypeOf<QueueConfig["provider"]>().extract<"memory">().toEqualTypeOf<"memory">();
  });
});

describe("a configuration file", () => {
  test("has a part for the queue and one for the worker", () => {
    void ({ provider: "memory", worker: { queues: ["emails"], logLevel: "warn" } } satisfies ConfigFile);
    void ({ provider: "sqs", region: "eu-west-1" } satisfies ConfigFile);
    // @ts-expect-error -- concurrency is misspelt
    void ({ provider: "memory", worker: { concurency: 3 } } satisfies ConfigFile);
    // @ts-expect-error -- memory has no region
    void ({ provider: "memory", region: "eu-west-1", worker: {} } satisfies ConfigFile);
  });
});

describe("a queue", () => {
  test("is received by a handler that need not be async", () => {
    void queue.receive("emails", () => {});
    void queue.receive("emails", async () => {});
    void queue.receive("emails", () => ({ kind: "release" }));
    // @ts-expect-error -- a result that nobody reads
    void queue.receive("emails", () => 250);
  });

  test("takes no wrong delay", () => {
    const message = { type: "send_tips", payload: null };
    void queue.sendDelayed("emails", message, 1_000);
    void queue.sendDelayed("emails", message, { hours: 1, minutes: 30 });
    void queue.sendDelayed("emails", message, { at: new Date() });
    void queue.sendDelayed("emails", message, "3 days");
    // @ts-expect-error -- not a unit of time
    void queue.sendDelayed("emails", message, "3 months");
    // @ts-expect-error -- there are no weeks
    void queue.sendDelayed("emails", message, { weeks: 1 });
  });

  test("answers a batch message by message", () => {
    expectTypeOf(queue.sendBatch("emails", [])).resolves.toEqualTypeOf<SendOutcome[]>();
    const read = (outcome: SendOutcome): void => {
      if (outcome.ok) expectTypeOf(outcome).toExtend<SendReceipt>();
      else expectTypeOf(outcome.error.code).toExtend<string>();
    };
    expectTypeOf(read).toBeFunction();
  });

  test("owns up to what a provider cannot tell", () => {
    expectTypeOf<QueueStats["messages"]>().toEqualTypeOf<number | undefined>();
  });
});

describe("a worker", () => {
  test("types its events", () => {
    worker.on("retrying", ({ delayMs }) => expectTypeOf(delayMs).toEqualTypeOf<number>());
    worker.on("dead_lettered", ({ reason }) => expectTypeOf(reason).toExtend<string>());
    // @ts-expect-error -- there is no such event
    worker.on("finished", () => {});
  });
});

describe("an error", () => {
  test("of a code is told apart by it", () => {
    const error: unknown = undefined;
    if (isQueueError(error, "too_large")) expectTypeOf(error.code).toEqualTypeOf<"too_large">();
    else if (isQueueError(error)) expectTypeOf(error.code).toEqualTypeOf<ErrorCode>();
    // @ts-expect-error -- there is no such code
    isQueueError(error, "to_large");
  });
});

describe("a job's logger", () => {
  test("takes a sentence, or what belongs to it first, as pino does", () => {
    worker.register("send_tips", (_, { logger }) => {
      logger.info("sent");
      logger.warn({ userId: "u1" }, "sent late");
      logger.error({ err: new Error("no") });
    });
    expectTypeOf<PinoLogger>().toExtend<Logger>();
  });
});
