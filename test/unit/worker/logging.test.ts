import { describe, expect, test } from "vitest";
import { channels } from "../../../src/diagnostics.ts";
import { PermanentError } from "../../../src/errors.ts";
import { untilAborted } from "../../../src/lib/wait.ts";
import { Worker } from "../../../src/worker/worker.ts";
import { Door, HOUR, MINUTE, QueueFixture, SECOND, times } from "../support.ts";
import { Fixture } from "./fixture.ts";
import { type Line, processWarningsDuring, RecordedLogger } from "./recorded-logger.ts";

const reasons = (lines: readonly Line[]): string[] =>
  lines.map(({ level, message }) => `${level} ${message}`);

describe("a worker with a logger", () => {
  test("logs the life of its jobs, with the error and the reason in words", async () => {
    const logger = new RecordedLogger();
    const fixture = new Fixture();
    const worker = fixture.make({ logger });
    worker.register("good", (_, context) => context.logger.info({ rows: 3 }, "imported"));
    worker.register("flaky", (_, { attempt }) => {
      if (attempt === 1) throw new Error("not yet");
    });
    worker.register("bad", () => {
      throw new PermanentError("never");
    });
    const working = worker.run("jobs");
    for (const type of ["good", "flaky", "bad", "godo"]) await fixture.send(type);
    await fixture.clock.advance(SECOND);
    await worker.stop();
    await working;

    const lines = logger.lines.filter(({ level }) => level !== "debug");
    expect(reasons(lines)).toEqual([
      "info imported",
      "info job completed",
      "warn job failed",
      "info job will be retried",
      "warn job failed",
      "error job dead-lettered",
      expect.stringContaining('warn Queue "jobs" has jobs of the type "godo"'),
      "info job released: this worker has no handler for its type",
      "info job completed",
    ]);
    expect(lines[0]?.fields).toMatchObject({ type: "good", queue: "jobs", attempt: 1, rows: 3 });
    expect(lines[2]?.fields).toMatchObject({ type: "flaky", attempt: 1, err: { message: "not yet" } });
    expect(lines[5]?.fields).toMatchObject({ reason: "permanent_error", err: { message: "never" } });
  });

  test("says of a job that a drain released that the worker is stopping", async () => {
    const logger = new RecordedLogger();
    const fixture = new Fixture();
    const worker = fixture.make({ logger, drainMs: 0 });
    worker.register("long", async (_, { signal }) => {
      await untilAborted(signal);
      throw signal.reason;
    });
    const working = worker.run("jobs");
    await fixture.send("long");
    void worker.stop();
    await fixture.clock.advance(SECOND);
    await working;

    expect(logger.messages("info")).toContain("job released: the worker is stopping");
  });

  test("says what it waits for when it is stopped while no job runs", async () => {
    const logger = new RecordedLogger();
    const fixture = new Fixture({}, { emulate: "sqs", queues: ["jobs"] });
    const worker = fixture.make({ logger });
    worker.register("mail", () => {});
    const door = new Door();
    fixture.fault = ({ operation }) =>
      operation === "receive" ? { kind: "stall", until: door.opened } : undefined;
    const working = worker.run("jobs");
    await fixture.clock.settle();
    void worker.stop();
    await fixture.clock.advance(900);
    expect(logger.messages("info")).toEqual([]);

    await fixture.clock.advance(100);
    expect(logger.messages("info")).toEqual([
      expect.stringMatching(/^no job runs; waiting for the last poll to return, 20 s at most/),
    ]);
    fixture.fault = () => undefined;
    door.open();
    await working;
  });

  test("refuses a logger without the methods of one, and names them", () => {
    const { queue } = new QueueFixture();

    expect(() => new Worker(queue, { logger: { info() {}, warn() {} } as never })).toThrow(
      /lacks debug, error/,
    );
    expect(() => new Worker(queue, { logger: null as never })).toThrow(/lacks debug/);
    expect(() => new Worker(queue, { logger: console })).not.toThrow();
  });
});

describe("a worker without a logger and without listeners", () => {
  const run = async (prepare: (worker: Worker) => void): Promise<string[]> =>
    processWarningsDuring(async () => {
      const { queue, clock } = new QueueFixture();
      const worker = new Worker(queue);
      prepare(worker);
      worker.register("mail", () => {
        throw new Error("no such\n user");
      });
      void worker.run("jobs");
      for (let index = 0; index < 3; index += 1) await queue.send("jobs", { type: "mail", payload: 1 });
      await clock.advance(SECOND);
      await worker.stop();
    });

  test("warns once that failures are not shown, with the first of them, and how to see them", async () => {
    const warnings = await run(() => {});

    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/^The job "mail" .* of queue "jobs" failed: Error: no such user\. /);
    expect(warnings[0]).toMatch(/logger: console.*worker\.on\("failed"/);
  });

  test.each(["failed", "retrying", "dead_lettered"] as const)(
    "says nothing if there is a listener of %s",
    async (event) => {
      expect(await run((worker) => worker.on(event, () => {}))).toEqual([]);
    },
  );

  test("warns once if it is a receiver without onEvent", async () => {
    const warnings = await processWarningsDuring(async () => {
      const { queue, clock } = new QueueFixture();
      const stop = new AbortController();
      const fail = (): never => {
        throw new Error("no such user");
      };
      void queue.receive("jobs", fail, { signal: stop.signal });
      for (let index = 0; index < 3; index += 1) await queue.send("jobs", { type: "mail", payload: 1 });
      await clock.advance(SECOND);
      stop.abort();
      await clock.settle();
    });

    expect(warnings).toEqual([
      expect.stringMatching(/^The job "mail" .* failed: Error: no such user\. .*pass onEvent\.$/),
    ]);
  });

  test("says nothing if there is a subscriber of the diagnostics channel", async () => {
    const ignore = (): void => {};
    channels.job.subscribe(ignore);
    const warnings = await run(() => {});
    channels.job.unsubscribe(ignore);

    expect(warnings).toEqual([]);
  });

  test("says nothing while no job fails", async () => {
    const warnings = await processWarningsDuring(async () => {
      const { queue, clock } = new QueueFixture();
      const worker = new Worker(queue).register("mail", () => {});
      void worker.run("jobs");
      await queue.send("jobs", { type: "mail", payload: 1 });
      await clock.advance(SECOND);
      await worker.stop();
    });

    expect(warnings).toEqual([]);
  });
});

test("a job whose handler throws undefined is logged as failed with a word for the reason", async () => {
  const logger = new RecordedLogger();
  const fixture = new Fixture();
  const worker = fixture.make({ logger });
  worker.register("mail", () => {
    throw undefined;
  });
  const working = worker.run("jobs");
  await fixture.send("mail");
  await fixture.clock.advance(1);
  await worker.stop();
  await working;

  const failed = logger.lines.find(({ message }) => message === "job failed");
  expect(failed?.fields).toMatchObject({ err: "undefined" });
});

describe("a type without a handler", () => {
  test("is warned of once, with the similar type and the time at which its jobs are dead-lettered", async () => {
    const fixture = new Fixture();
    fixture.worker.register("send_welcome_email", () => {});
    for (let index = 0; index < 3; index += 1) await fixture.send("send_wellcome_email");
    await fixture.send("zzz");
    const deadLetterAt = new Date(fixture.clock.now() + HOUR).toISOString();
    await fixture.start();
    await fixture.clock.advance(10 * MINUTE);

    expect(fixture.events.of("warning")).toMatchObject([
      {
        code: "unknown_type",
        queue: "jobs",
        message: expect.stringContaining('Did you mean "send_welcome_email"?') as string,
      },
      {
        code: "unknown_type",
        message: expect.stringContaining('Its handlers are for "send_welcome_email"') as string,
      },
    ]);
    expect(fixture.events.of("warning")[0]?.message).toContain(deadLetterAt);
  });

  test("is not named beyond the hundredth one, so that hostile types fill neither log nor memory", async () => {
    const fixture = new Fixture({ concurrency: 200 });
    fixture.worker.register("mail", () => {});
    for (const type of times(150, (index) => `unknown-${index}`)) await fixture.send(type);
    await fixture.start();

    expect(fixture.events.of("warning")).toHaveLength(101);
    expect(fixture.events.of("warning").at(-1)?.message).toMatch(/Further types are not named/);
  });
});
