import { expect, test } from "vitest";
import { PermanentError } from "../../../src/errors.ts";
import type { JobsWorker } from "../../../src/jobs/jobs-worker.ts";
import { ApiFixture, email } from "./fixture.ts";

const job = { type: "email", payload: { to: "a" } };

/** Runs a worker while `work` runs. */
async function withWorker(
  fixture: ApiFixture,
  register: (worker: JobsWorker) => void,
  work: () => Promise<void>,
): Promise<void> {
  const worker = fixture.jobs.worker();
  worker.on("failed", () => {});
  register(worker);
  await worker.start("emails");
  await work();
  const stopping = worker.stop();
  await fixture.clock.advance(30_000);
  await stopping;
}

test("a job is followed from its POST to its result", async () => {
  await using fixture = await ApiFixture.open();
  const response = await fixture.raw("/events?type=email");
  let text = "";
  const reading = (async () => {
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) text += chunk;
  })();
  await withWorker(
    fixture,
    (worker) =>
      worker.register(email, ({ payload }, { progress }) => {
        progress(50, "Sending email...");
        return { sentTo: payload.to };
      }),
    async () => {
      const { body: sent } = await fixture.post("/jobs", job);
      await fixture.clock.advance(3_000);
      const { body } = await fixture.get(`/jobs/${sent.id}/result`);
      expect(body).toEqual({ id: sent.id, status: "completed", result: { sentTo: "a" } });
      expect(text).toContain("event: job.completed");
      const workers = await fixture.get("/workers");
      expect(workers.body.workers).toMatchObject([{ queues: ["emails"], types: ["email"] }]);
    },
  );
  await fixture.jobs.close();
  await fixture.clock.advance(20_000);
  await reading;
});

test("POST /jobs/:id/cancel aborts the signal of the handler that runs", async () => {
  await using fixture = await ApiFixture.open();
  let reason: unknown;
  await withWorker(
    fixture,
    (worker) =>
      worker.register(email, async (_, { signal }) => {
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        ({ reason } = signal);
        throw signal.reason;
      }),
    async () => {
      const { body: sent } = await fixture.post("/jobs", job);
      await fixture.clock.advance(1_000);
      expect((await fixture.get(`/jobs/${sent.id}`)).body.status).toBe("processing");
      const { body } = await fixture.post(`/jobs/${sent.id}/cancel`, { reason: "user left" });
      expect(body).toMatchObject({ status: "processing", outcome: "requested" });
      await fixture.clock.advance(3_000);
      const { body: after } = await fixture.get(`/jobs/${sent.id}`);
      expect(after).toMatchObject({ status: "cancelled", cancel_reason: "user left" });
    },
  );
  expect(reason).toMatchObject({ code: "cancelled" });
});

test("a job that fails for good is dead-lettered, and runs again after a retry", async () => {
  await using fixture = await ApiFixture.open();
  let isFixed = false;
  await withWorker(
    fixture,
    (worker) =>
      worker.register(email, () => {
        if (!isFixed) throw new PermanentError("no such user");
        return "sent";
      }),
    async () => {
      const { body: sent } = await fixture.post("/jobs", job);
      await fixture.clock.advance(3_000);
      const failed = await fixture.get(`/jobs/${sent.id}?include=attempts`);
      expect(failed.body).toMatchObject({
        status: "failed",
        error: { message: expect.stringContaining("no such user") },
        dead_letter: { reason: "permanent_error" },
        attempts: [{ attempt: 1 }],
      });
      expect((await fixture.get("/queues/emails/dead-letters")).body.dead_letters).toHaveLength(1);
      isFixed = true;
      expect((await fixture.post(`/jobs/${sent.id}/retry`)).status).toBe(202);
      await fixture.clock.advance(3_000);
      expect((await fixture.get(`/jobs/${sent.id}/result`)).body).toMatchObject({ result: "sent" });
    },
  );
});
