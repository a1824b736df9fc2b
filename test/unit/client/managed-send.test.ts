import { describe, expect, test } from "vitest";
import type { Delivery } from "../../../src/driver/contract.ts";
import type { Interceptor } from "../../../src/queue/interceptor.ts";
import type { ManagedQueue } from "../../../src/queue/managed-receive.ts";
import type { TrackedRun } from "../../../src/queue/tracker.ts";
import { TrackedFixture } from "../receive/tracked-fixture.ts";
import { DAY, HOUR, MINUTE, type QueueFixture, type QueueFixtureOptions } from "../support.ts";

const message = { type: "mail", payload: { n: 1 } };
const system = { qp_redrive: 2, qp_job: "full" } as const;
const managed = ({ queue }: QueueFixture): ManagedQueue => queue as ManagedQueue;

/** The run that a message causes, as the tracker sees it. */
async function tracked(
  send: (queue: ManagedQueue) => Promise<unknown>,
  options?: QueueFixtureOptions,
): Promise<TrackedRun> {
  const fixture = new TrackedFixture(options);
  await send(managed(fixture));
  fixture.tracked();
  await fixture.clock.settle();
  const [run] = fixture.tracker.runs;
  if (run === undefined) throw new Error("nothing was claimed");
  return run;
}

describe("a managed send", () => {
  test("has the times and the system attributes that it is given", async () => {
    const fixture = new TrackedFixture();
    const createdAt = fixture.clock.now() - HOUR;
    const scheduledAt = fixture.clock.now() - MINUTE;
    await managed(fixture).sendManaged("jobs", { ...message, id: "a" }, { createdAt, scheduledAt, system });
    fixture.tracked();
    await fixture.clock.settle();

    expect(fixture.tracker.runs[0]).toMatchObject({
      redrive: 2,
      jobFlags: "full",
      statesCreation: true,
      message: { id: "a", createdAt: new Date(createdAt), scheduledAt: new Date(scheduledAt) },
    });
  });

  test("without further facts is a send", async () => {
    const run = await tracked((queue) => queue.sendManaged("jobs", message));

    expect(run).toMatchObject({ redrive: 0, jobFlags: undefined, attemptsOfCopy: 0, wasDeadLetter: false });
    expect(run.message.scheduledAt).toBe(undefined);
  });

  test("goes through the interceptors, the encoder and the codec", async () => {
    const queues: string[] = [];
    const run = await tracked((queue) => queue.sendManaged("jobs", message, { system }), {
      hooks: {
        interceptors: [
          {
            send: ({ queue, message: given }, next) => {
              queues.push(queue);
              return next({ ...given, tenant: "acme" });
            },
          },
        ],
        codec: {
          encode: (json) => ({ payload: Buffer.from(json).toString("base64"), encoding: "base64" }),
          decode: ({ payload }) => JSON.parse(Buffer.from(String(payload), "base64").toString()) as unknown,
        },
      },
    });

    expect(queues).toEqual(["jobs"]);
    expect(run).toMatchObject({ redrive: 2, jobFlags: "full", message: { tenant: "acme" } });
    // The handler has run by now. At the claim, the payload is still encoded.
    expect(run.message.payload).toEqual({ n: 1 });
  });

  test("waits in the delay queue with its attributes if its delay is longer than the provider's", async () => {
    const fixture = new TrackedFixture({ emulate: "sqs" });
    await managed(fixture).sendManaged("jobs", message, { delay: { days: 3 }, system });
    fixture.tracked();
    await fixture.clock.advance(3 * DAY + MINUTE);

    expect(fixture.tracker.runs).toMatchObject([{ redrive: 2, jobFlags: "full" }]);
  });

  test("is refused as a send is", async () => {
    const fixture = new TrackedFixture();
    const sent = managed(fixture).sendManaged("jobs", { type: "", payload: 1 });
    await expect(sent).rejects.toMatchObject({ code: "invalid_message" });
    await expect(managed(fixture).sendManaged("", message)).rejects.toMatchObject({
      code: "invalid_options",
    });
  });
});

describe("a managed batch", () => {
  const passing: Interceptor = { send: (_, next) => next() };
  test.each<[string, QueueFixtureOptions]>([
    ["without interceptors", {}],
    ["with interceptors", { hooks: { interceptors: [passing] } }],
  ])("gives each message its own facts, and an outcome each, %s", async (_, options) => {
    const fixture = new TrackedFixture(options);
    const createdAt = fixture.clock.now() - HOUR;
    const outcomes = await managed(fixture).sendBatchManaged("jobs", [
      { message: { ...message, id: "a" }, createdAt, system },
      { message: { type: "", payload: 1, id: "b" } },
      { message: { ...message, id: "c" }, delay: MINUTE },
    ]);
    expect(outcomes).toMatchObject([
      { ok: true, id: "a" },
      { ok: false, id: "b" },
      { ok: true, id: "c" },
    ]);
    fixture.tracked();
    await fixture.clock.settle();
    expect(fixture.tracker.runs.map(({ message: { id }, redrive }) => [id, redrive])).toEqual([["a", 2]]);
    expect(fixture.tracker.runs[0]?.message.createdAt).toEqual(new Date(createdAt));

    await fixture.clock.advance(MINUTE);
    expect(fixture.tracker.runs[1]).toMatchObject({ redrive: 0, jobFlags: undefined });
  });
});

describe("the note of a job system", () => {
  const noteOf = ({ attributes }: Delivery): string | undefined => attributes["qp_job"];

  test("is kept by a retry, by the dead letter, and by a redrive with and without a transform", async () => {
    const fixture = new TrackedFixture({ emulate: "sqs" });
    fixture.tracker.onClaim = () => ({ run: true, attempt: undefined });
    await managed(fixture).sendManaged("jobs", { ...message, maxAttempts: 2, tenant: "acme" }, { system });
    const stop = new AbortController();
    const failing = (): never => {
      throw new Error("no");
    };
    // Longer than a release can take on SQS, so that the retry is a copy.
    fixture.tracked(failing, {
      signal: stop.signal,
      backoff: { baseMs: 13 * HOUR, capMs: DAY, jitter: false },
    });
    await fixture.clock.advance(14 * HOUR);
    stop.abort();
    await fixture.clock.advance(MINUTE);
    expect(fixture.tracker.runs.map(({ jobFlags, attemptsOfCopy }) => [jobFlags, attemptsOfCopy])).toEqual([
      ["full", 0],
      ["full", 1],
    ]);
    expect((await fixture.peek("jobs-dlq")).map(noteOf)).toEqual(["full"]);

    const deadLetters = fixture.queue.deadLetters("jobs");
    for (const transform of [undefined, (one: unknown) => one as never]) {
      const redriven = deadLetters.redrive({ transform });
      await fixture.clock.advance(MINUTE);
      expect(await redriven).toMatchObject({ redriven: 1 });
      const [sent] = await fixture.peek("jobs");
      expect(sent?.attributes).toMatchObject({
        qp_job: "full",
        qp_redrive: transform === undefined ? "3" : "4",
      });
      expect(JSON.parse(String(sent?.body))).toMatchObject({ tenant: "acme" });

      fixture.tracker.onClaim = () => ({
        run: false,
        disposition: { kind: "dead_letter", reason: "max_attempts", error: "no", ran: false },
      });
      const again = new AbortController();
      fixture.tracked(failing, { signal: again.signal });
      await fixture.clock.advance(MINUTE);
      again.abort();
      await fixture.clock.advance(MINUTE);
    }
  });
});

test("a message that another tool moved back from the dead letters as it was is known as one", async () => {
  const fixture = new TrackedFixture();
  const attributes = { qp_dlq: '{"reason":"max_attempts","error":"no"}' };
  await fixture.plant("jobs", { body: '{"id":"a","type":"mail","payload":1}', attributes });
  fixture.tracked();
  await fixture.clock.settle();

  expect(fixture.tracker.runs).toMatchObject([{ wasDeadLetter: true, statesCreation: false }]);
});
