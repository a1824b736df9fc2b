import { describe, expect, it } from "vitest";
import { job, parse, publishJob, publishRun, samplesOf, scrape, withMetrics } from "./support.ts";

describe("runs", () => {
  it("are active from their start until their outcome is decided", () =>
    withMetrics({}, async (metrics) => {
      publishJob({ event: "started", job: job({ id: "a" }), waitMs: 0 });
      publishJob({ event: "started", job: job({ id: "b" }), waitMs: 0 });
      publishJob({ event: "started", job: job({ id: "c", queue: "reports" }), waitMs: 0 });
      expect(await samplesOf(metrics, "jobs_active")).toEqual({
        '{queue="emails"}': 2,
        '{queue="reports"}': 1,
      });
      publishJob({ event: "completed", job: job({ id: "a" }), durationMs: 1 });
      publishJob({ event: "failed", job: job({ id: "b" }), durationMs: 1, error: undefined });
      publishJob({ event: "retrying", job: job({ id: "b" }), delayMs: 1, error: undefined });
      publishJob({ event: "released", job: job({ id: "c", queue: "reports" }), why: "drain", delayMs: 0 });
      expect(await samplesOf(metrics, "jobs_active")).toEqual({
        '{queue="emails"}': 0,
        '{queue="reports"}': 0,
      });
    }));

  it("do not change the number of active runs if they never started, or had ended before", () =>
    withMetrics({}, async (metrics) => {
      publishJob({ event: "started", job: job({ id: "a" }), waitMs: 0 });
      publishJob({ event: "released", job: job({ id: "b" }), why: "drain", delayMs: 0 });
      publishJob({ event: "dead_lettered", job: job({ id: "c" }), reason: "malformed", error: undefined });
      expect(await samplesOf(metrics, "jobs_active")).toEqual({ '{queue="emails"}': 1 });

      // The run is stuck until its hard limit and counts as failed; the second attempt starts; the first one returns.
      publishJob({ event: "stuck", job: job({ id: "a" }), runningMs: 1 });
      publishJob({ event: "failed", job: job({ id: "a" }), durationMs: 1, error: undefined });
      publishJob({ event: "started", job: job({ id: "a", attempt: 2 }), waitMs: 0 });
      publishJob({ event: "late", job: job({ id: "a" }), durationMs: 9 });
      expect(await samplesOf(metrics, "jobs_active")).toEqual({ '{queue="emails"}': 1 });
      expect(await samplesOf(metrics, "jobs_stuck_total")).toEqual({ '{queue="emails",type="mail"}': 1 });
      expect(await samplesOf(metrics, "jobs_late_total")).toEqual({ '{queue="emails",type="mail"}': 1 });
      expect(await samplesOf(metrics, "jobs_processed_total")).toEqual({
        '{status="completed",type="mail"}': 0,
        '{status="failed",type="mail"}': 1,
      });
    }));

  it("are distinguished by id and attempt", () =>
    withMetrics({}, async (metrics) => {
      const ids = Array.from({ length: 2_000 }, (_, index) => `0197a1b2-c3d4-7e5f-8a9b-${index}`);
      for (const id of ids) publishJob({ event: "started", job: job({ id }), waitMs: 0 });
      for (const id of ids) publishJob({ event: "started", job: job({ id, attempt: 2 }), waitMs: 0 });
      expect(await samplesOf(metrics, "jobs_active")).toEqual({ '{queue="emails"}': 4_000 });
      for (const id of ids) publishJob({ event: "completed", job: job({ id, attempt: 2 }), durationMs: 1 });
      expect(await samplesOf(metrics, "jobs_active")).toEqual({ '{queue="emails"}': 2_000 });
      for (const id of ids) publishJob({ event: "late", job: job({ id }), durationMs: 1 });
      for (const id of ids) publishJob({ event: "late", job: job({ id }), durationMs: 1 });
      expect(await samplesOf(metrics, "jobs_active")).toEqual({ '{queue="emails"}': 0 });
    }));

  it("have the status of their end if the job was over all the same, and none if they did not begin", () =>
    withMetrics({}, async (metrics) => {
      publishRun({ type: "mail" });
      for (const why of ["cancelled", "completed"] as const) {
        publishJob({ event: "started", job: job({ id: why }), waitMs: 0 });
        publishJob({ event: "not_run", job: job({ id: why }), why });
        publishJob({ event: "not_run", job: job({ id: `${why} before` }), why });
      }
      expect(await samplesOf(metrics, "jobs_active")).toEqual({ '{queue="emails"}': 0 });
      expect(await samplesOf(metrics, "jobs_processed_total")).toEqual({
        '{status="cancelled",type="mail"}': 1,
        '{status="completed",type="mail"}': 1,
        '{status="discarded",type="mail"}': 1,
        '{status="failed",type="mail"}': 0,
      });
    }));

  it("get no label if their type has no handler, even if they fail because the queue keeps order", () =>
    withMetrics({ maxTypes: 3 }, async (metrics) => {
      for (const id of ["a", "b", "c", "d"]) {
        const stranger = job({ id, type: id });
        publishJob({ event: "started", job: stranger, waitMs: 0 });
        publishJob({ event: "failed", job: stranger, durationMs: 0, error: 0, reason: "unknown_type" });
        publishJob({ event: "retrying", job: stranger, delayMs: 1, error: 0, reason: "unknown_type" });
      }
      publishRun({ type: "good" });
      expect(await samplesOf(metrics, "jobs_processed_total")).toEqual({
        '{status="completed",type="good"}': 1,
        '{status="completed",type="unknown"}': 0,
        '{status="failed",type="good"}': 0,
        '{status="failed",type="unknown"}': 4,
      });
    }));

  it("are counted once as processed, with one status", () =>
    withMetrics({}, async (metrics) => {
      publishRun({});
      publishRun({ queue: "reports" });
      for (const id of ["released", "refused", "discarded"])
        publishJob({ event: "started", job: job({ id }), waitMs: 0 });
      publishJob({ event: "released", job: job({ id: "released" }), why: "drain", delayMs: 0 });
      publishJob({
        event: "dead_lettered",
        job: job({ id: "refused" }),
        reason: "invalid_payload",
        error: undefined,
      });
      publishJob({ event: "late", job: job({ id: "discarded" }), durationMs: 1 });
      publishJob({ event: "failed", job: job(), durationMs: 1, error: undefined });
      publishJob({ event: "failed", job: job({ attempt: 2 }), durationMs: 1, error: undefined });
      expect(await samplesOf(metrics, "jobs_processed_total")).toEqual({
        '{status="completed",type="mail"}': 2,
        '{status="failed",type="mail"}': 2,
        '{status="released",type="mail"}': 1,
        '{status="refused",type="mail"}': 1,
        '{status="discarded",type="mail"}': 1,
      });
      expect(await samplesOf(metrics, "jobs_released_total")).toEqual({ '{queue="emails",why="drain"}': 1 });
    }));

  it("count retries and dead letters from 0 once a type was handled", () =>
    withMetrics({}, async (metrics) => {
      publishRun({});
      expect(await samplesOf(metrics, "jobs_retried_total")).toEqual({ '{queue="emails",type="mail"}': 0 });
      expect(await samplesOf(metrics, "jobs_dead_lettered_total")).toEqual({
        '{queue="emails",reason="max_attempts",type="mail"}': 0,
        '{queue="emails",reason="permanent_error",type="mail"}': 0,
      });
      publishJob({ event: "retrying", job: job(), delayMs: 1, error: undefined });
      publishJob({ event: "dead_lettered", job: job(), reason: "max_attempts", error: undefined });
      for (const reason of ["made up", "another one"])
        publishJob({ event: "dead_lettered", job: job(), reason, error: undefined });
      expect(await samplesOf(metrics, "jobs_retried_total")).toEqual({ '{queue="emails",type="mail"}': 1 });
      expect(await samplesOf(metrics, "jobs_dead_lettered_total")).toEqual({
        '{queue="emails",reason="max_attempts",type="mail"}': 1,
        '{queue="emails",reason="permanent_error",type="mail"}': 0,
        '{queue="emails",reason="other",type="mail"}': 2,
      });
    }));
});

describe("durations", () => {
  it("are exported as a cumulative histogram in seconds", () =>
    withMetrics({}, async (metrics) => {
      for (const ms of [1, 5, 6, 2_000, 4_000_000]) publishRun({}, ms);
      publishJob({ event: "failed", job: job(), durationMs: 300, error: undefined });
      const { samples, types } = parse(await metrics.registry.metrics());
      const bucket = (le: string): number | undefined =>
        samples.get(`job_duration_seconds_bucket{le="${le}",type="mail"}`);
      expect(types.get("job_duration_seconds")).toBe("histogram");
      expect(["0.005", "0.01", "0.25", "0.5", "2.5", "3600", "+Inf"].map(bucket)).toEqual([
        2, 3, 3, 4, 5, 5, 6,
      ]);
      expect(samples.get('job_duration_seconds_count{type="mail"}')).toBe(6);
      expect(samples.get('job_duration_seconds_sum{type="mail"}')).toBe(4_002.312);
    }));

  it("are kept per queue for waits, and are 0 if they are negative or NaN", () =>
    withMetrics({}, async (metrics) => {
      for (const waitMs of [250, -5, Number.NaN]) publishJob({ event: "started", job: job(), waitMs });
      const samples = await scrape(metrics);
      expect(samples.get('job_wait_seconds_bucket{le="0.005",queue="emails"}')).toBe(2);
      expect(samples.get('job_wait_seconds_bucket{le="+Inf",queue="emails"}')).toBe(3);
      expect(samples.get('job_wait_seconds_sum{queue="emails"}')).toBe(0.25);
      expect(samples.get('job_wait_seconds_count{queue="emails"}')).toBe(3);
    }));
});
