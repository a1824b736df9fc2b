import { describe, expect, test } from "vitest";
import { z } from "zod";
import { trackingOf } from "../../../src/worker/execution.ts";
import { defineJob } from "../../../src/worker/job.ts";
import type { WorkerOptions } from "../../../src/worker/types.ts";
import { PauseController } from "../../../src/lib/pause.ts";
import { Worker } from "../../../src/worker/worker.ts";
import { RecordingTracker } from "../receive/recording-tracker.ts";
import { Door, HOUR, MINUTE, SECOND } from "../support.ts";
import { Fixture } from "./fixture.ts";
import { RecordedLogger } from "./recorded-logger.ts";

/** A fixture with a worker that has a tracker, and that logs into `logger`. */
function tracked(options: WorkerOptions = {}): {
  readonly fixture: Fixture;
  readonly worker: Worker;
  readonly tracker: RecordingTracker;
  readonly logger: RecordedLogger;
} {
  const fixture = new Fixture();
  const tracker = new RecordingTracker();
  const logger = new RecordedLogger();
  const worker = new Worker(fixture.queue, { logger, ...options }, tracker);
  worker.on("dead_lettered", fixture.events.add).on("started", fixture.events.add);
  worker.on("not_run", fixture.events.add).on("released", fixture.events.add);
  return { fixture, worker, tracker, logger };
}

/** Sends a message with the id `a`, and runs the worker. */
async function run(
  { queue, clock }: Fixture,
  worker: Worker,
  type: string,
  payload: unknown = {},
): Promise<void> {
  await queue.send("jobs", { id: "a", type, payload });
  void worker.run("jobs");
  await clock.settle();
}

describe("a worker with a tracker", () => {
  test("claims the jobs that it has handlers for, and no others", async () => {
    const { fixture, worker, tracker } = tracked();
    worker.register("mail", () => {});
    await fixture.queue.send("jobs", { id: "b", type: "other", payload: {} });
    await run(fixture, worker, "mail");

    expect(tracker.calls).toEqual(["claim a", "concluding a ack"]);
  });

  test("tells the tracker of a job of an unknown type when it is dead-lettered", async () => {
    const { fixture, worker, tracker } = tracked({ unknownTypeMaxAgeMs: MINUTE });
    worker.register("mail", () => {});
    await run(fixture, worker, "other");
    await fixture.clock.advance(2 * MINUTE);

    expect(tracker.calls).toEqual(["concluding a dead_letter unknown_type", "buried a"]);
  });

  test("tells the tracker of a payload that its schema refuses", async () => {
    const { fixture, worker, tracker } = tracked();
    worker.register(defineJob({ type: "mail", schema: z.string() }), () => {});
    await run(fixture, worker, "mail", 7);

    expect(tracker.calls).toEqual(["claim a", "concluding a dead_letter invalid_payload", "buried a"]);
  });

  test("shows its handlers and middleware the value that the tracker keeps with the run", async () => {
    const { fixture, worker, tracker } = tracked();
    tracker.onClaim = (claimed) => {
      claimed.tracking = "mine";
      return { run: true, attempt: 4 };
    };
    const seen: unknown[] = [];
    worker.use(async ({ context }, next) => {
      seen.push(trackingOf(context));
      await next();
    });
    worker.register("mail", (_, context) => void seen.push(trackingOf(context), context.attempt));
    await run(fixture, worker, "mail");

    expect(seen).toEqual(["mine", "mine", 4]);
  });

  test("counts the time limit of a job from the call of its handler, and not from its claim", async () => {
    const { fixture, worker, tracker } = tracked({ timeoutMs: MINUTE });
    const answer = tracker.holdClaims();
    const signals: AbortSignal[] = [];
    const door = new Door();
    worker.register("mail", (_, { signal }) => {
      signals.push(signal);
      return door.opened;
    });
    await run(fixture, worker, "mail");
    await fixture.clock.advance(2 * MINUTE);
    answer({ run: true, attempt: 1 });
    await fixture.clock.advance(MINUTE - 1);
    expect(signals[0]?.aborted).toBe(false);

    await fixture.clock.advance(1);
    expect(signals[0]?.reason).toMatchObject({ code: "timeout" });
    door.open();
    await fixture.clock.settle();
  });

  test("tells the tracker when a stuck job is given up, and when its handler ends at last", async () => {
    const { fixture, worker, tracker } = tracked({
      timeoutMs: SECOND,
      graceMs: SECOND,
      hardLimitMs: 2 * SECOND,
    });
    const door = new Door();
    worker.register("mail", () => door.opened);
    await run(fixture, worker, "mail");
    tracker.onClaim = () => ({ run: false, disposition: { kind: "release", delayMs: HOUR, why: "busy" } });
    await fixture.clock.advance(3 * SECOND);
    expect(tracker.calls).toEqual(["claim a", "concluding a retry"]);

    door.open();
    await fixture.clock.settle();
    expect(tracker.calls).toEqual(["claim a", "concluding a retry", "late a ack"]);
  });

  test("aborts the signal of one run for the tracker", async () => {
    const { fixture, worker, tracker } = tracked();
    const reasons: unknown[] = [];
    worker.register(
      "mail",
      (_, { signal }) =>
        new Promise<void>((resolve) => {
          signal.addEventListener("abort", () => {
            reasons.push(signal.reason);
            resolve();
          });
        }),
    );
    await run(fixture, worker, "mail");
    tracker.runs[0]?.abort(new Error("cancelled"));
    await fixture.clock.settle();

    expect(reasons).toEqual([new Error("cancelled")]);
  });

  test("is paused while its tracker pauses it, and stays ready", async () => {
    const { fixture, tracker } = tracked();
    const pause = new PauseController();
    Object.assign(tracker, { pause });
    const worker = new Worker(fixture.queue, {}, tracker).register("mail", () => {});
    await run(fixture, worker, "mail");
    expect(worker.health().state).toBe("running");
    pause.pause();
    await fixture.clock.advance(10 * MINUTE);
    expect(worker.health()).toMatchObject({ state: "paused", ready: true });

    pause.resume();
    expect(worker.health()).toMatchObject({ state: "running", ready: true });
  });

  test.each([
    [{ kind: "ack", ran: false } as const, "job not run: it is completed"],
    [{ kind: "ack", ran: false, why: "cancelled" } as const, "job not run: it is cancelled"],
    [{ kind: "ack", ran: false, why: "dead_lettered" } as const, "job not run: it is among the dead letters"],
    [{ kind: "release", delayMs: HOUR, why: "busy" } as const, "job released: another run of it goes on"],
    [
      { kind: "release", delayMs: HOUR, why: "backoff" } as const,
      "job released: the wait before its next attempt is not over",
    ],
    [{ kind: "release", delayMs: HOUR, why: "scheduled" } as const, "job released: it is not due"],
    [{ kind: "release", delayMs: HOUR, why: "store" } as const, "job released: it waits for the job store"],
  ])("logs why a job is not run: %o", async (disposition, line) => {
    const { fixture, worker, tracker, logger } = tracked();
    tracker.onClaim = () => ({ run: false, disposition });
    worker.register("mail", () => {});
    await run(fixture, worker, "mail");

    expect(logger.lines).toMatchObject([{ level: "info", message: line, fields: { id: "a" } }]);
  });
});

test("the context of a worker without a tracker has no value of one", async () => {
  const fixture = new Fixture();
  const seen: unknown[] = [];
  fixture.worker.register("mail", (_, context) => void seen.push(trackingOf(context)));
  await fixture.send("mail");
  await fixture.start();

  expect(seen).toEqual([undefined]);
  expect(trackingOf({} as never)).toBe(undefined);
});
