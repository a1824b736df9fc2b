// oxlint-disable vitest/expect-expect -- an expected error is an assertion too
import type { Logger as PinoLogger } from "pino";
import { describe, expectTypeOf, test } from "vitest";
import { type ConfigFile, openQueue, type QueueConfig } from "../../adapters/open.ts";
import { type AnyLogger, type ErrorCode, isQueueError, type Logger } from "../../src/index.ts";
import type { Queue, QueueStats, SendOutcome, SendReceipt, Worker } from "../../src/index.ts";

declare const queue: Queue;
declare const worker: Worker;

describe("a configuration", () => {
  test("a configuration allows only the options of its provider", () => {
    void openQueue({ provider: "memory", capacity: 10 });
    // @ts-expect-error -- there is no such provider
    void openQueue({ provider: "carrier-pigeon" });
    // @ts-expect-error -- capacity is misspelt
    void openQueue({ provider: "memory", capasity: 10 });
    expectTypeOf<QueueConfig["provider"]>().extract<"memory">().toEqualTypeOf<"memory">();
  });
});

describe("a configuration file", () => {
  test("a configuration file has the options of the queue, and a section for the worker", () => {
    void ({ provider: "memory", worker: { queues: ["emails"], logLevel: "warn" } } satisfies ConfigFile);
    void ({ provider: "sqs", region: "eu-west-1" } satisfies ConfigFile);
    // @ts-expect-error -- concurrency is misspelt
    void ({ provider: "memory", worker: { concurency: 3 } } satisfies ConfigFile);
    // @ts-expect-error -- memory has no region
    void ({ provider: "memory", region: "eu-west-1", worker: {} } satisfies ConfigFile);
  });
});

describe("a queue", () => {
  test("a queue accepts a handler that is not async", () => {
    void queue.receive("emails", () => {});
    void queue.receive("emails", async () => {});
    void queue.receive("emails", () => ({ kind: "release" }));
    // @ts-expect-error -- a number is not a disposition
    void queue.receive("emails", () => 250);
  });

  test("a delay with an unknown unit does not compile", () => {
    const message = { type: "send_tips", payload: null };
    void queue.sendDelayed("emails", message, 1_000);
    void queue.sendDelayed("emails", message, { hours: 1, minutes: 30 });
    void queue.sendDelayed("emails", message, { at: new Date() });
    void queue.sendDelayed("emails", message, "3 days");
    // @ts-expect-error -- months are not a unit
    void queue.sendDelayed("emails", message, "3 months");
    // @ts-expect-error -- weeks are not a unit
    void queue.sendDelayed("emails", message, { weeks: 1 });
  });

  test("a batch that is sent has one outcome for each message", () => {
    expectTypeOf(queue.sendBatch("emails", [])).resolves.toEqualTypeOf<SendOutcome[]>();
    const read = (outcome: SendOutcome): void => {
      if (outcome.ok) expectTypeOf(outcome).toExtend<SendReceipt>();
      else expectTypeOf(outcome.error.code).toExtend<string>();
    };
    expectTypeOf(read).toBeFunction();
  });

  test("a count that a provider does not report is undefined", () => {
    expectTypeOf<QueueStats["messages"]>().toEqualTypeOf<number | undefined>();
  });
});

describe("a worker", () => {
  test("a listener of a worker gets the type of its event", () => {
    worker.on("retrying", ({ delayMs }) => expectTypeOf(delayMs).toEqualTypeOf<number>());
    worker.on("dead_lettered", ({ reason }) => expectTypeOf(reason).toExtend<string>());
    // @ts-expect-error -- there is no such event
    worker.on("finished", () => {});
  });
});

describe("an error", () => {
  test("isQueueError with a code narrows the error to this code", () => {
    const error: unknown = undefined;
    if (isQueueError(error, "too_large")) expectTypeOf(error.code).toEqualTypeOf<"too_large">();
    else if (isQueueError(error)) expectTypeOf(error.code).toEqualTypeOf<ErrorCode>();
    // @ts-expect-error -- there is no such code
    isQueueError(error, "to_large");
  });
});

describe("a job's logger", () => {
  test("a job's logger takes a message, or fields and a message, as pino does", () => {
    worker.register("send_tips", (_, { logger }) => {
      logger.info("sent");
      logger.warn({ userId: "u1" }, "sent late");
      logger.error({ err: new Error("no") });
    });
    expectTypeOf<PinoLogger>().toExtend<Logger>();
    expectTypeOf(console).toExtend<AnyLogger>();
  });
});
