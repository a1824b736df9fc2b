import { describe, expect, it } from "vitest";
import { job, publishJob, publishRun, publishSend, samplesOf, withMetrics } from "./support.ts";

describe("type labels", () => {
  it("are not granted to types that are only received", () =>
    withMetrics({}, async (metrics) => {
      for (let index = 0; index < 1_000; index += 1) {
        const made = job({ id: String(index), type: `made-up-${index}` });
        publishJob({ event: "started", job: made, waitMs: 0 });
        publishJob({ event: "released", job: made, why: "unknown_type", delayMs: 0 });
        publishJob({ event: "dead_lettered", job: made, reason: "unknown_type", error: undefined });
        publishJob({ event: "dead_lettered", job: made, reason: "malformed", error: undefined });
        publishJob({ event: "dead_lettered", job: made, reason: "crash_loop", error: undefined });
      }
      expect(await samplesOf(metrics, "jobs_dead_lettered_total")).toEqual({
        '{queue="emails",reason="unknown_type",type="unknown"}': 1_000,
        '{queue="emails",reason="malformed",type="unknown"}': 1_000,
        '{queue="emails",reason="crash_loop",type="unknown"}': 1_000,
      });
      expect(await samplesOf(metrics, "jobs_released_total")).toEqual({
        '{queue="emails",why="unknown_type"}': 1_000,
      });
      expect(await samplesOf(metrics, "jobs_processed_total")).toEqual({
        '{status="released",type="unknown"}': 1_000,
      });
    }));

  it("are kept for types that were sent or handled, even if their jobs are dead-lettered", () =>
    withMetrics({}, async (metrics) => {
      publishSend("sent");
      publishRun({ type: "handled" });
      for (const type of ["sent", "handled"])
        publishJob({
          event: "dead_lettered",
          job: job({ type, queue: "q" }),
          reason: "crash_loop",
          error: undefined,
        });
      publishJob({
        event: "dead_lettered",
        job: job({ type: "invalid", queue: "q" }),
        reason: "invalid_payload",
        error: undefined,
      });
      const counted = await samplesOf(metrics, "jobs_dead_lettered_total");
      expect(counted).toMatchObject({
        '{queue="q",reason="crash_loop",type="sent"}': 1,
        '{queue="q",reason="crash_loop",type="handled"}': 1,
        '{queue="q",reason="invalid_payload",type="invalid"}': 1,
      });
    }));

  it("are granted to at most maxTypes types, for sends and runs together", () =>
    withMetrics({ maxTypes: 2 }, async (metrics) => {
      publishSend("a");
      publishRun({ type: "b" });
      for (const type of ["a", "c", "d"]) publishSend(type);
      for (const type of ["a", "c", "d", "e"]) publishRun({ type });
      expect(await samplesOf(metrics, "jobs_queued_total")).toEqual({
        '{queue="emails",type="a"}': 2,
        '{queue="emails",type="other"}': 2,
      });
      expect(await samplesOf(metrics, "jobs_processed_total")).toMatchObject({
        '{status="completed",type="a"}': 1,
        '{status="completed",type="b"}': 1,
        '{status="completed",type="other"}': 3,
      });
      expect(await samplesOf(metrics, "job_duration_seconds_count")).toEqual({
        '{type="a"}': 1,
        '{type="b"}': 1,
        '{type="other"}': 3,
      });
    }));

  it("are escaped in the text format", () =>
    withMetrics({}, async (metrics) => {
      publishSend('a"b\\c\nd');
      expect(await samplesOf(metrics, "jobs_queued_total")).toEqual({
        '{queue="emails",type="a\\"b\\\\c\\nd"}': 1,
      });
    }));
});
