import { type } from "arktype";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { JobDefinition } from "../../../src/worker/job.ts";
import { defineJob } from "../../../src/worker/job.ts";
import { Door, MINUTE, SECOND } from "../support.ts";
import { Fixture } from "./fixture.ts";

describe("a job definition", () => {
  const order: JobDefinition<{ n: number }, { n: bigint }> = defineJob({
    type: "order",
    maxAttempts: 2,
    schema: {
      "~standard": {
        version: 1 as const,
        vendor: "test",
        types: undefined as unknown as { input: { n: number }; output: { n: bigint } },
        validate: (value: unknown) =>
          typeof (value as { n?: unknown } | null)?.n === "number"
            ? { value: { n: BigInt((value as { n: number }).n) } }
            : { issues: [{ message: "no number", path: ["n"] }] },
      },
    },
  });

  test("validates sent payloads, and passes the output of its schema to the handler", async () => {
    const fixture = new Fixture();
    const seen: unknown[] = [];
    fixture.worker.register(order, ({ payload, maxAttempts }) => void seen.push(payload.n, maxAttempts));
    const bad = fixture.queue.send("jobs", order.message({ n: "x" } as never));
    await expect(bad).rejects.toMatchObject({
      code: "invalid_payload",
      message: expect.stringContaining("n: no number") as string,
    });

    await fixture.queue.send("jobs", order.message({ n: 1 }, { maxAttempts: undefined }));
    await fixture.start();
    expect(seen).toEqual([1n, 2]);
  });

  test("dead-letters an invalid payload on receipt, without a run", async () => {
    const fixture = new Fixture();
    let runs = 0;
    fixture.worker.register(order, () => void (runs += 1));
    await fixture.send("order", { n: "x" });
    await fixture.start();

    expect(runs).toBe(0);
    expect(fixture.events.of("dead_lettered")).toMatchObject([{ reason: "invalid_payload" }]);
    expect(fixture.worker.health().running).toBe(0);

    // The time limits of the run ended with it.
    await fixture.clock.advance(10 * MINUTE);
    expect(fixture.events.of("stuck")).toEqual([]);
  });
});

describe("the options of a job definition", () => {
  const limited = defineJob({
    type: "limited",
    schema: z.unknown(),
    maxAttempts: 2,
    backoff: { baseMs: 7, jitter: false },
    timeoutMs: 1_000,
    concurrency: 1,
  });

  test("travel with its messages, unless the message sets its own", () => {
    expect(limited.message(1)).toMatchObject({ maxAttempts: 2, backoff: { baseMs: 7, jitter: false } });
    expect(limited.message(1, { maxAttempts: 3, backoff: { baseMs: 9 } })).toMatchObject({
      maxAttempts: 3,
      backoff: { baseMs: 9 },
    });
  });

  test("count for the warning about a broker that would dead-letter before its last attempt", async () => {
    const fixture = new Fixture();
    const describeQueue = fixture.driver.describe.bind(fixture.driver);
    fixture.driver.describe = async (queue) => ({ ...(await describeQueue(queue)), brokerMaxDeliveries: 12 });
    fixture.worker.register(defineJob({ ...limited, maxAttempts: 20 }), () => {});
    await fixture.start();

    expect(fixture.events.of("warning")).toMatchObject([
      { code: "broker_limit", message: expect.stringContaining("maxAttempts 20") as string },
    ]);
  });

  test("hold where its handler is registered, unless the registration sets its own", () => {
    const { worker } = new Fixture();
    const own = defineJob({ ...limited, type: "own" });
    worker.register(limited, () => {});
    worker.register(own, () => {}, { timeoutMs: "5s", concurrency: 4, backoff: { baseMs: 1 } });

    expect(worker.registered).toMatchObject([
      { type: "limited", timeoutMs: 1_000, concurrency: 1, backoff: { baseMs: 7 } },
      { type: "own", timeoutMs: 5_000, concurrency: 4, backoff: { baseMs: 1 } },
    ]);
  });
});

describe("the options of a job definition for a job system", () => {
  const define = (options: object): JobDefinition =>
    defineJob({ type: "x", schema: z.unknown(), ...options });

  test("are kept as they were given, and change nothing about a worker without one", async () => {
    const fixture = new Fixture();
    const options = { queue: "images", track: "off", whenStoreIsDown: "wait", result: z.number() } as const;
    const job = define(options);
    expect(job).toMatchObject(options);

    fixture.worker.register(job, () => "no number");
    await fixture.queue.send("jobs", job.message(1));
    await fixture.start();
    expect(fixture.events.names).toEqual(["started", "completed"]);
  });

  test.each([
    [{ queue: "" }, 'defineJob("x"): queue must be a non-empty string; got "".'],
    [{ queue: 1 }, 'defineJob("x"): queue must be a non-empty string; got 1.'],
    [{ track: "outcome" }, 'defineJob("x"): track must be "full" or "off"; got "outcome".'],
    [{ whenStoreIsDown: "fail" }, 'defineJob("x"): whenStoreIsDown must be "run" or "wait"; got "fail".'],
    [{ result: 7 }, 'defineJob("x"): result must be a Standard Schema validator'],
    [{ results: z.number() }, 'defineJob("x"): unknown option "results"; did you mean result?'],
  ])("are refused if they are wrong: %o", (options, message) => {
    expect(() => define(options)).toThrow(
      expect.objectContaining({
        code: "invalid_options",
        message: expect.stringContaining(message) as string,
      }),
    );
  });
});

describe("the dead letter of an invalid payload", () => {
  const receive = async (schema: JobDefinition["schema"], payload: unknown): Promise<string> => {
    const fixture = new Fixture();
    fixture.worker.register(defineJob({ type: "order", schema }), () => {});
    await fixture.send("order", payload);
    await fixture.start();
    const [letter] = await fixture.queue.deadLetters("jobs").list();
    return letter?.info.error ?? "";
  };

  test.each([
    ["valibot, a number", v.object({ pin: v.string() }), { pin: 4711 }, /pin: .*Expected string/],
    ["valibot, a string", v.object({ pin: v.pipe(v.string(), v.email()) }), { pin: "4711" }, /pin: .*email/],
    ["arktype, a string", type({ pin: "string.email" }), { pin: "4711" }, /pin: .*email address/],
    ["zod, a string", z.object({ pin: z.email() }), { pin: "4711" }, /pin: .*email/],
    ["valibot, a payload", v.string(), 4711, /Expected string/],
  ])("names the field and not its value: %s", async (_, schema, payload, expected) => {
    const error = await receive(schema, payload);

    expect(error).toMatch(expected);
    expect(error).not.toContain("4711");
  });
});

describe("a schema", () => {
  const validator = (validate: (value: unknown) => unknown): JobDefinition =>
    defineJob({
      type: "order",
      schema: { "~standard": { version: 1, vendor: "test", validate: validate as never } },
    });

  test("causes a retry if it throws, since the payload may be valid", async () => {
    const fixture = new Fixture();
    let validations = 0;
    const job = validator((value) => {
      validations += 1;
      return validations === 1 ? Promise.reject(new Error("the database is unavailable")) : { value };
    });
    const seen: unknown[] = [];
    fixture.worker.register(job, ({ payload }) => void seen.push(payload));
    await fixture.send("order", 1);
    await fixture.start();
    await fixture.clock.advance(SECOND);

    expect(fixture.events.names).toEqual(["started", "failed", "retrying", "started", "completed"]);
    expect(seen).toEqual([1]);
  });

  test("starts no handler if it answers after the message was settled", async () => {
    const fixture = new Fixture({ timeoutMs: SECOND, graceMs: SECOND, hardLimitMs: 5 * SECOND });
    const door = new Door();
    const job = validator((value) => door.opened.then(() => ({ value })));
    const runs: number[] = [];
    fixture.worker.register(job, (_, { attempt }) => void runs.push(attempt));
    await fixture.send("order", 1);
    await fixture.start();
    await fixture.clock.advance(7 * SECOND);
    expect(fixture.events.names).toEqual(["started", "stuck", "failed", "retrying", "started"]);

    door.open();
    await fixture.clock.advance(MINUTE);
    expect(runs).toEqual([2]);
    expect(fixture.worker.health().running).toBe(0);
    expect(await fixture.counts()).toEqual([0, 0, 0, 0]);
  });

  test("fails the run if it answers after the timeout", async () => {
    const fixture = new Fixture({ timeoutMs: SECOND });
    const door = new Door();
    const job = validator((value) => door.opened.then(() => ({ value })));
    const runs: number[] = [];
    fixture.worker.register(job, (_, { attempt }) => void runs.push(attempt));
    await fixture.send("order", 1);
    await fixture.start();
    await fixture.clock.advance(2 * SECOND);
    door.open();
    await fixture.clock.advance(MINUTE);

    expect(runs).toEqual([2]);
    expect(fixture.events.of("failed")).toMatchObject([{ error: { code: "timeout" } }]);
  });

  test("is awaited if it returns a thenable that is not a Promise", async () => {
    const fixture = new Fixture();
    // oxlint-disable-next-line unicorn/no-thenable -- the test needs a thenable
    const job = validator((value) => ({ then: (resolve: (result: unknown) => void) => resolve({ value }) }));
    const seen: unknown[] = [];
    fixture.worker.register(job, ({ payload }) => void seen.push(payload));
    await fixture.send("order", 1);
    await fixture.start();

    expect(seen).toEqual([1]);
  });
});
