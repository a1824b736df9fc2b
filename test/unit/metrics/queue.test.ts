import { describe, expect, it, test } from "vitest";
import { z } from "zod";
import { memory } from "../../../adapters/memory/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import type { NewMessage } from "../../../src/message/message.ts";
import { channels } from "../../../src/diagnostics.ts";
import { DriverError } from "../../../src/driver/index.ts";
import { anySource, publishReceive, publishSend, samplesOf, withMetrics } from "./support.ts";

describe("sends", () => {
  it("are counted as queued if the provider accepted them, and otherwise as failed or unknown", () =>
    withMetrics({}, async (metrics) => {
      publishSend("mail");
      publishSend("mail");
      publishSend("mail", { queue: "reports" });
      publishSend("mail", { outcome: "failed" });
      publishSend("never sent", { outcome: "unknown" });
      expect(await samplesOf(metrics, "jobs_queued_total")).toEqual({
        '{queue="emails",type="mail"}': 2,
        '{queue="reports",type="mail"}': 1,
      });
      expect(await samplesOf(metrics, "job_send_failures_total")).toEqual({
        '{outcome="failed",queue="emails"}': 1,
        '{outcome="unknown",queue="emails"}': 1,
      });
    }));
});

test("a send that is refused before a request is counted as failed", () =>
  withMetrics({}, async (metrics) => {
    await using queue = createQueue(memory({ strict: true, queues: ["jobs"] }));
    const schema = z.object({ n: z.number() });
    const bad = { type: "mail", payload: { n: "one" }, schema } as unknown as NewMessage;
    const good = { type: "mail", payload: 1 };
    await expect(queue.send("nowhere", good)).rejects.toMatchObject({ code: "not_found" });
    await queue.sendBatch("nowhere", [good, good]);
    await queue.send("jobs", good);
    await expect(queue.send("jobs", bad)).rejects.toMatchObject({ code: "invalid_payload" });
    await expect(queue.send("jobs", { ...good, orderingKey: "k" })).rejects.toMatchObject({
      code: "not_supported",
    });
    expect(await samplesOf(metrics, "job_send_failures_total")).toEqual({
      '{outcome="failed",queue="nowhere"}': 3,
      '{outcome="failed",queue="jobs"}': 2,
    });
    expect(await samplesOf(metrics, "jobs_queued_total")).toEqual({ '{queue="jobs",type="mail"}': 1 });
  }));

describe("requests", () => {
  it("are counted by provider, operation and outcome", () =>
    withMetrics({}, async (metrics) => {
      const request = { queue: "emails", source: anySource, messages: 10 } as const;
      for (const outcome of ["ok", "ok", "throttled"] as const)
        channels.request.publish({ ...request, provider: "sqs", operation: "send", outcome });
      channels.request.publish({ ...request, provider: "memory", operation: "settle", outcome: "ok" });
      expect(await samplesOf(metrics, "queue_requests_total")).toEqual({
        '{operation="send",outcome="ok",provider="sqs"}': 2,
        '{operation="send",outcome="throttled",provider="sqs"}': 1,
        '{operation="settle",outcome="ok",provider="memory"}': 1,
      });
    }));
});

describe("receivers", () => {
  it("export the time of the last successful poll, lost leases and failed settlements", () =>
    withMetrics({}, async (metrics) => {
      const error = new DriverError("transient", "reset");
      publishReceive({ event: "polled", queue: "emails", at: 1_700_000_000_500, messages: 0 });
      expect(await samplesOf(metrics, "leases_lost_total")).toEqual({ '{queue="emails"}': 0 });
      publishReceive({ event: "polled", queue: "emails", at: 1_700_000_009_500, messages: 3 });
      publishReceive({ event: "poll_failed", queue: "emails", error, kind: "transient", retryInMs: 100 });
      publishReceive({ event: "lease_lost", queue: "emails", id: "1" });
      publishReceive({ event: "warning", queue: "emails", code: "w", message: "w" });
      publishReceive({
        event: "settle_failed",
        queue: "emails",
        id: "1",
        operation: "ack",
        error,
        kind: "transient",
      });
      expect(await samplesOf(metrics, "worker_last_poll_timestamp_seconds")).toEqual({
        '{queue="emails"}': 1_700_000_009.5,
      });
      expect(await samplesOf(metrics, "leases_lost_total")).toEqual({ '{queue="emails"}': 1 });
      expect(await samplesOf(metrics, "settle_failures_total")).toEqual({
        '{kind="transient",queue="emails"}': 1,
      });
    }));
});
