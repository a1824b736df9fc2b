import { describe, expect, test } from "vitest";
import { z } from "zod";
import { defineJob, PermanentError, RetryAfterError } from "../../../../src/index.ts";
import type { TrackedHandler } from "../../../../src/jobs/index.ts";
import { performJob } from "../../../../src/jobs/testing/index.ts";
import { FakeClock } from "../../../../src/testing/fake-clock.ts";

const resize = defineJob({
  type: "resize",
  schema: z.object({ url: z.string(), width: z.number().default(400) }),
  result: z.object({ url: z.string() }),
  maxAttempts: 3,
  backoff: { baseMs: 100, factor: 2 },
});
const payload = { url: "a.png" };

describe("a handler that returns", () => {
  test("completes its job with the result, and gets the output of the schema", async () => {
    const handler: TrackedHandler<{ url: string; width: number }, { url: string }> = ({
      payload: given,
    }) => ({
      url: `${given.url}?w=${given.width}`,
    });
    const done = await performJob(resize, handler, payload);
    expect(done).toMatchObject({ status: "completed", result: { url: "a.png?w=400" }, error: undefined });
    expect(done.result?.url).toBe("a.png?w=400");
  });

  test("fails its job for good if the result does not match its schema", async () => {
    const done = await performJob(resize, () => ({ url: 1 }) as never, payload);
    expect(done).toMatchObject({ status: "failed", result: undefined });
    expect(String(done.error)).toContain("does not match the schema");
  });

  test("completes its job without a result that is too large", async () => {
    const done = await performJob(resize, () => ({ url: "x".repeat(70_000) }), payload);
    expect(done).toMatchObject({ status: "completed", result: undefined, resultOmitted: "too_large" });
  });

  test("gets a retry if it returns a disposition, as in a worker", async () => {
    const done = await performJob(resize, () => ({ kind: "ack" }) as never, payload);
    expect(done).toMatchObject({ status: "retrying", error: { code: "invalid_options" } });
  });
});

describe("a handler that throws", () => {
  const fail = (): never => {
    throw new Error("no");
  };

  test("has its job retried after the backoff of the definition", async () => {
    expect(await performJob(resize, fail, payload)).toMatchObject({ status: "retrying", retryInMs: 100 });
    expect(await performJob(resize, fail, payload, { attempt: 2 })).toMatchObject({ retryInMs: 200 });
  });

  test("fails its job at the last attempt, and with a PermanentError at once", async () => {
    expect(await performJob(resize, fail, payload, { attempt: 3 })).toMatchObject({
      status: "failed",
      error: { message: "no" },
      retryInMs: undefined,
    });
    const permanent = (): never => {
      throw new PermanentError("never");
    };
    expect(await performJob(resize, permanent, payload)).toMatchObject({ status: "failed" });
  });

  test("chooses the delay of its retry by a RetryAfterError", async () => {
    const later = (): never => {
      throw new RetryAfterError(7_000);
    };
    expect(await performJob(resize, later, payload)).toMatchObject({ status: "retrying", retryInMs: 7_000 });
  });

  test("cancels its job if the job was cancelled before", async () => {
    const cancel = new AbortController();
    const done = await performJob(
      resize,
      (_, { signal }) => {
        cancel.abort(new Error("the user left"));
        signal.throwIfAborted();
        return { url: "" };
      },
      payload,
      { signal: cancel.signal },
    );
    expect(done).toMatchObject({ status: "cancelled", error: { message: "the user left" } });
  });
});

describe("a second run", () => {
  test("goes on with the steps and the checkpoint of the first", async () => {
    let downloads = 0;
    const handler: TrackedHandler<unknown, { url: string }> = async (_, job) => {
      const file = await job.step("download", () => {
        downloads += 1;
        return `file ${downloads}`;
      });
      const seen = job.saved;
      await job.save({ at: job.attempt });
      if (job.attempt === 1) throw new Error("later");
      return { url: `${file} ${JSON.stringify(seen)}` };
    };
    const first = await performJob(resize, handler, payload);
    expect(first).toMatchObject({ status: "retrying", saved: { at: 1 }, steps: { download: "file 1" } });
    const { saved, steps } = first;
    const second = await performJob(resize, handler, payload, { attempt: 2, saved, steps });
    expect(second).toMatchObject({ status: "completed", result: { url: 'file 1 {"at":1}' } });
    expect(downloads).toBe(1);
  });

  test("goes on behind the item at which an iteration has failed", async () => {
    const items: number[] = [];
    const handler: TrackedHandler<unknown, { url: string }> = async (_, job) => {
      await job.iterate([1, 2, 3], {
        key: "rows",
        total: 3,
        each: (item) => {
          if (item === 3 && job.attempt === 1) throw new Error("row 3");
          items.push(item);
        },
      });
      return { url: "" };
    };
    const first = await performJob(resize, handler, payload);
    expect(first.progress.map(({ percent }) => percent)).toEqual([33, 66]);
    expect(await performJob(resize, handler, payload, { attempt: 2, steps: first.steps })).toMatchObject({
      status: "completed",
    });
    expect(items).toEqual([1, 2, 3]);
  });
});

test("progress and log lines are kept in their order, with the time of the given clock", async () => {
  const clock = new FakeClock();
  const done = await performJob(
    resize,
    (message, job) => {
      job.progress(10, "begun");
      job.log("info", "hello", { width: message.payload.width });
      job.progress(90);
      return { url: job.idempotencyKey };
    },
    payload,
    { clock, id: "job-1", tenant: "acme" },
  );
  expect(done.progress).toEqual([
    { percent: 10, note: "begun" },
    { percent: 90, note: undefined },
  ]);
  expect(done.logs).toEqual([{ at: clock.now(), level: "info", message: "hello", fields: { width: 400 } }]);
  expect(done.result).toEqual({ url: "job-1" });
});

test("a payload that does not match, a wrong attempt and an unknown option are refused", async () => {
  const handler = (): { url: string } => ({ url: "" });
  await expect(performJob(resize, handler, { url: 1 } as never)).rejects.toMatchObject({
    code: "invalid_payload",
  });
  await expect(performJob(resize, handler, payload, { attempt: 0 })).rejects.toMatchObject({
    code: "invalid_options",
  });
  await expect(performJob(resize, handler, payload, { atempt: 1 } as never)).rejects.toThrow(/attempt/);
});
