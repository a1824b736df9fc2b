/**
 * Seed 001, "Background Jobs with NATS JetStream and Worker Pools", as a journey.
 *
 * | seed                                     | here                                                                  |
 * | ---------------------------------------- | --------------------------------------------------------------------- |
 * | JetStream                                | any provider; `memory` here. An adapter for NATS is not there yet      |
 * | `NumWorkers`, `ProcessTimeout`           | `worker_pool.worker_count`, `.job_timeout`; `concurrency`, `timeoutMs` |
 * | `MaxRetries`                             | `worker_pool.max_retries`; `maxAttempts` is one more                   |
 * | `BaseRetryDelay`, `MaxRetryDelay`        | `worker_pool.retry_delay`, `.max_retry_delay`                          |
 * | exact delays                             | `worker_pool.jitter: false`; by default each wait is drawn below them  |
 * | stream `jobs-dlq`                        | the dead-letter queue of each queue, such as `emails-dlq`              |
 * | EventBus, `SubscribeAll`                 | `jobs.events()`                                                        |
 * | JobStarted, JobProgress, JobCompleted    | `job.started`, `job.progress`, `job.completed`                         |
 * | JobFailed, JobDeadLetter                 | `job.failed` with `willRetry`, `job.dead_lettered`                     |
 * | `JobCompletedData.DurationMs`            | `event.job.durationMs`                                                 |
 * | permanent error                          | `throw new PermanentError(…)`, or a payload that does not fit          |
 * | partial failure, "resume on retry"       | `iterate`, `step`, `save` and `saved` of the handler's context         |
 * | deduplication by a table of job ids      | the id of a job: same id and payload, same job and same result         |
 */
import { afterAll, describe, expect, test } from "vitest";
import { PermanentError } from "../../src/index.ts";
import type { JobRecordJson, JobsEvent, Json } from "../../src/jobs/index.ts";
import { Door } from "../unit/support.ts";
import { email, imageProcessing, testEmail } from "./jobs.ts";
import { eventsUntil, type ListJson, typesOf } from "./service.ts";
import { openOn } from "./seed-001.ts";
import { journeyPlaces } from "./places.ts";

/** The answer of "Get Job Status". */
const printed = {
  id: "550e8400-e29b-41d4-a716-446655440000",
  type: "email",
  status: "processing",
  progress: 50,
  progress_message: "Sending email...",
  retry_count: 0,
  max_retries: 5,
  worker_id: "worker-1",
  created_at: "2024-01-15T10:00:00Z",
  updated_at: "2024-01-15T10:00:05Z",
  started_at: "2024-01-15T10:00:02Z",
};

/** The log lines of the seed, from events: the recipe of docs/guide/jobs.md. */
function logLine({ event, job }: JobsEvent): string | undefined {
  const { id, type, workerId, progress, progressMessage, durationMs } = job;
  switch (event) {
    case "job.started":
      return `[event] Job started: ${id} (type=${type}, worker=${workerId})`;
    case "job.progress":
      return `[event] Job progress: ${id} (progress=${progress}%, message=${progressMessage})`;
    case "job.completed":
      return `[event] Job completed: ${id} (type=${type}, duration=${durationMs}ms)`;
    default:
      return undefined;
  }
}

const places = await journeyPlaces();

for (const { on, missing, config, close } of places)
  describe.skipIf(missing !== undefined)(`seed 001 ${on}`, () => {
    const open = (): ReturnType<typeof openOn> => openOn(config());
    afterAll(close);

    test("POST and GET answer with the keys, the types and the words that are printed", async () => {
      const { service, worker } = await open();
      const door = new Door();
      worker.register(email, async (_, { progress }) => {
        progress(50, "Sending email...");
        await door.opened;
        return { accepted: true };
      });
      await worker.start("emails");
      const reading = eventsUntil(service.jobs.events(), "job.progress");
      const { status, body } = await service.request("POST", "/api/v1/jobs", testEmail);
      expect(status).toBe(201);
      await reading;
      const { body: record } = await service.get(`/api/v1/jobs/${body.id}`);
      expect(typesOf(record, Object.keys(printed))).toEqual(typesOf(printed, Object.keys(printed)));
      expect(record).toMatchObject({
        status: "processing",
        progress: 50,
        progress_message: "Sending email...",
        retry_count: 0,
        max_retries: 5,
        worker_id: worker.id,
      });
      door.open();
      const { id } = await service.over(body.id);
      const list = await service.get<ListJson>("/api/v1/jobs?status=completed&type=email&limit=50&offset=0");
      expect(list.body.jobs.map((job) => job.id)).toEqual([id]);
    });

    test("events without a filter are those of all jobs, in the order of each, and give the lines of the log", async () => {
      const { service, worker } = await open();
      const doors = [new Door(), new Door()] as const;
      worker.register(email, async (_, { progress }) => {
        progress(25, "Connecting to SMTP...");
        await doors[0].opened;
        progress(75, "Sending email...");
        await doors[1].opened;
        return { accepted: true };
      });
      await worker.start("emails");
      const seen: JobsEvent[] = [];
      const all = service.jobs.events();
      const reading = (async () => {
        for await (const event of all) {
          seen.push(event);
          if (event.job.progress === 25) doors[0].open();
          if (event.job.progress === 75) doors[1].open();
          if (event.event === "job.completed") break;
        }
      })();
      const { id } = await service.post(testEmail);
      await reading;
      const lines = seen.flatMap((event) => logLine(event) ?? []);
      expect(lines).toEqual([
        `[event] Job started: ${id} (type=email, worker=${worker.id})`,
        `[event] Job progress: ${id} (progress=25%, message=Connecting to SMTP...)`,
        `[event] Job progress: ${id} (progress=75%, message=Sending email...)`,
        expect.stringMatching(
          new RegExp(`^\\[event\\] Job completed: ${id} \\(type=email, duration=\\d+ms\\)$`),
        ),
      ]);
    });

    test("a failure with retries left is JobFailed, and the last one is JobDeadLetter", async () => {
      const { service, worker } = await open();
      let attempts = 0;
      worker.register(email, () => {
        attempts += 1;
        throw attempts === 1 ? new Error("421 try again later") : new PermanentError("550 no such mailbox");
      });
      await worker.start("emails");
      const reading = eventsUntil(service.jobs.events(), "job.dead_lettered");
      await service.post(testEmail);
      const ends = (await reading).filter(({ event }) => /failed|dead/.test(event));
      expect(ends.map(({ event, willRetry }) => [event, willRetry])).toEqual([
        ["job.failed", true],
        ["job.failed", false],
        ["job.dead_lettered", undefined],
      ]);
    });

    test("jobs in the dead-letter queue can be seen, and run again when their cause is gone", async () => {
      const { service, worker } = await open();
      let isBroken = true;
      worker.register(email, () => {
        if (isBroken) throw new PermanentError("550 no such mailbox");
        return { accepted: true };
      });
      await worker.start("emails");
      const { id } = await service.post(testEmail);
      expect(await service.over(id)).toMatchObject({ status: "failed" });
      const letters = await service.get<{ dead_letters: { id: string; reason: string }[] }>(
        "/api/v1/queues/emails/dead-letters",
      );
      expect(letters.body.dead_letters).toMatchObject([{ id, reason: "permanent_error" }]);

      isBroken = false;
      const { status } = await service.request("POST", `/api/v1/jobs/${id}/retry`);
      expect(status).toBe(202);
      expect(await service.over(id)).toMatchObject({ status: "completed", retry_count: 0 });
    });

    test("three jobs run at once, and a stop waits for them and leaves the others in the queue", async () => {
      const { service, worker } = await open();
      const door = new Door();
      let started = 0;
      worker.register(imageProcessing, async () => {
        started += 1;
        await door.opened;
      });
      await worker.start("images");
      const payload = { image_url: "https://example.com/image.jpg", operations: [], output_path: "/o.jpg" };
      const reading = eventsUntil(service.jobs.events(), "job.started");
      const sent = await Promise.all(
        Array.from({ length: 5 }, () => service.post({ type: "image_processing", payload })),
      );
      await reading;
      const stopping = worker.stop();
      door.open();
      await stopping;
      expect(started).toBe(3);
      const records = await Promise.all(sent.map(({ id }) => service.get(`/api/v1/jobs/${id}`)));
      const statuses = records.map(({ body }) => body.status).toSorted();
      expect(statuses).toEqual(["completed", "completed", "completed", "queued", "queued"]);
    });

    test("the same id is the same job, whose stored result answers a repetition", async () => {
      const { service, worker } = await open();
      let sent = 0;
      worker.register(email, () => {
        sent += 1;
        return { accepted: true };
      });
      await worker.start("emails");
      const request = { ...testEmail, id: "welcome-user-123" };
      await service.post(request);
      await service.over("welcome-user-123");
      const again = await service.request("POST", "/api/v1/jobs", request);
      expect([again.status, again.body.status]).toEqual([200, "completed"]);
      const { body } = await service.get<JobRecordJson & { result: Json }>(
        "/api/v1/jobs/welcome-user-123?include=result",
      );
      expect(body.result).toEqual({ accepted: true });
      expect(sent).toBe(1);

      const other = { ...request, payload: { ...testEmail.payload, subject: "Another" } };
      const conflict = await service.request<{ code: string }>("POST", "/api/v1/jobs", other);
      expect([conflict.status, conflict.body.code]).toEqual([422, "conflict"]);
    });
  });
