import type { StandardSchemaV1 } from "@standard-schema/spec";
import { describe, expect, it } from "vitest";
import { defineJob } from "../../../../src/worker/job.ts";
import type { JobsWorkerOptions } from "../../../../src/jobs/jobs-worker.ts";
import { JobsFixture } from "./fixture.ts";

async function resultOf(
  value: unknown,
  options: JobsWorkerOptions = {},
): Promise<{ readonly fixture: JobsFixture; readonly id: string }> {
  const fixture = new JobsFixture(options);
  fixture.worker.register("t", () => value);
  await fixture.run();
  return { fixture, id: await fixture.send() };
}

function schema(
  validate: (value: unknown) => StandardSchemaV1.Result<number> | Promise<never>,
): StandardSchemaV1<unknown, number> {
  return { "~standard": { version: 1, vendor: "test", validate } };
}

describe("the value that a handler returns", () => {
  it.each([[{ a: [1, "x", null] }], ["text"], [0], [false], [null]])(
    "is recorded as the result: %j",
    async (value) => {
      const { fixture, id } = await resultOf(value);
      expect(await fixture.job(id)).toMatchObject({ row: { status: "completed" }, result: value });
    },
  );

  it("is no result if there is none", async () => {
    const { fixture, id } = await resultOf(undefined);
    const job = await fixture.job(id);
    expect([job?.row.status, job?.result, job?.row.resultOmitted]).toEqual([
      "completed",
      undefined,
      undefined,
    ]);
  });

  it("is left out if it is no JSON, and its job is complete all the same", async () => {
    for (const value of [10n, new Map([[1, 2]]), { f: () => 1 }, Number.NaN]) {
      const { fixture, id } = await resultOf(value);
      const job = await fixture.job(id);
      expect([job?.row.status, job?.row.resultOmitted, job?.result]).toEqual([
        "completed",
        "not_json",
        undefined,
      ]);
      expect(fixture.process.warnings).toEqual(["result_omitted"]);
    }
  });

  it("is left out if it is larger than 64 KB, or than the worker says", async () => {
    const large = await resultOf("x".repeat(65_535));
    expect((await large.fixture.job(large.id))?.row).toMatchObject({
      status: "completed",
      resultOmitted: "too_large",
    });
    const allowed = await resultOf("x".repeat(65_535), { maxResultBytes: 262_144 });
    expect((await allowed.fixture.job(allowed.id))?.result).toHaveLength(65_535);
  });

  it("fails the run if it is a disposition, as in any Worker", async () => {
    const { fixture, id } = await resultOf({ kind: "dead_letter", reason: "x", error: undefined });
    expect((await fixture.job(id))?.row).toMatchObject({
      status: "retrying",
      error: { code: "invalid_options" },
    });
  });
});

describe("a result schema", () => {
  const payload: StandardSchemaV1<unknown, unknown> = {
    "~standard": { version: 1, vendor: "test", validate: (value) => ({ value }) },
  };

  it("replaces the result by its output", async () => {
    const fixture = new JobsFixture();
    const result = schema((value) => ({ value: (value as number) * 2 }));
    fixture.worker.register(defineJob({ type: "t", schema: payload, result }), () => 21);
    await fixture.run();
    const id = await fixture.send();
    expect((await fixture.job(id))?.result).toBe(42);
  });

  it("fails the job for good if the result does not match, before it is recorded as completed", async () => {
    const fixture = new JobsFixture();
    const result = schema(() => ({ issues: [{ message: "expected a number", path: ["size"] }] }));
    fixture.worker.register(defineJob({ type: "t", schema: payload, result }), () => Promise.resolve(1));
    await fixture.run();
    const id = await fixture.send();
    expect((await fixture.job(id))?.row).toMatchObject({
      status: "failed",
      deadLetterReason: "permanent_error",
      error: { message: expect.stringContaining("size: expected a number") },
    });
    expect(await fixture.counts()).toEqual([0, 0, 0, 1]);
  });
});
