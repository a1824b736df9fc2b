/**
 * Seed 000, "Background Jobs with QueueGroupService", as a journey.
 *
 * | seed                                       | here                                                                   |
 * | ------------------------------------------ | ---------------------------------------------------------------------- |
 * | QueueGroup, its worker and its filter      | `worker.register(type, handler)`: one handler a type, on every worker   |
 * | `client.Send`, fire-and-forget             | `jobs.send`: resolves when the job is in its queue, not when it has run |
 * | load balancing over a queue group          | several workers on one queue: each job runs on one of them              |
 * | in-memory job store                        | `memoryJobStore()`, or `jobs: { store: { memory: true } }`              |
 * | `/api/v1/jobs`                             | `jobsApi` of `queueport/api`, same paths, keys and types                |
 * | `demo.py`                                  | `npm run demo:jobs`                                                     |
 * | what its "complex version" adds            | is there as well: seed 001                                              |
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { definitions, email, imageProcessing, reportGeneration, testEmail } from "./jobs.ts";
import type { JobsWorker } from "../../src/jobs/index.ts";
import { Door } from "../unit/support.ts";
import { journeyPlaces } from "./places.ts";
import { type ListJson, Service, typesOf } from "./service.ts";

/** The three jobs as the seed prints them under "Job Types". */
const printed = [
  {
    type: "email",
    payload: { to: "user@example.com", subject: "Welcome!", body: "Thanks for signing up" },
  },
  {
    type: "image_processing",
    payload: {
      image_url: "https://example.com/image.jpg",
      operations: ["resize", "watermark"],
      output_path: "/output/processed.jpg",
    },
  },
  {
    type: "report_generation",
    payload: {
      report_type: "monthly_sales",
      format: "pdf",
      date_range: { start: "2024-01-01", end: "2024-01-31" },
    },
  },
];

/** The answer of "Get Job Status". */
const statusKeys = {
  id: "550e8400-e29b-41d4-a716-446655440000",
  type: "email",
  status: "processing",
  progress: 50,
  progress_message: "Sending email...",
  created_at: "2024-01-15T10:00:00Z",
  updated_at: "2024-01-15T10:00:05Z",
};

const places = await journeyPlaces();

for (const { on, missing, config, close } of places)
  describe.skipIf(missing !== undefined)(`seed 000 ${on}`, () => {
    let service: Service;
    let workers: JobsWorker[];
    const ranOn = new Map<string, string>();
    let door = new Door();
    door.open();

    beforeAll(async () => {
      service = await Service.open(config(), { definitions, maxAttempts: 1 });
      workers = ["first", "second"].map((name) => {
        const worker = service.jobs.worker({ concurrency: 3 }).on("failed", () => {});
        worker.register(email, async ({ id }, { progress, log }) => {
          ranOn.set(id, name);
          progress(50, "Sending email...");
          await door.opened;
          log("info", "sent");
          return { accepted: true };
        });
        worker.register(imageProcessing, ({ payload }) => ({ output_path: payload.output_path }));
        worker.register(reportGeneration, () => {
          throw new Error("the warehouse is closed");
        });
        return worker;
      });
      for (const worker of workers) await worker.start(["emails", "images", "reports"]);
    });
    afterAll(async () => {
      await service[Symbol.asyncDispose]();
      await close();
    });

    test("a job of each of the three types is created by POST, and is run by the handler of its type", async () => {
      const [mail, image, report] = await Promise.all(printed.map((job) => service.post(job)));
      expect(await service.over(mail?.id ?? "")).toMatchObject({ type: "email", status: "completed" });
      expect(await service.over(image?.id ?? "")).toMatchObject({
        type: "image_processing",
        status: "completed",
      });
      // "Show completed and failed jobs". The seed has no retries; here `maxAttempts: 1` says so.
      expect(await service.over(report?.id ?? "")).toMatchObject({
        type: "report_generation",
        status: "failed",
        error: { message: "Error: the warehouse is closed" },
      });
    });

    test("POST answers before the job has run, with the id under which GET finds it", async () => {
      door = new Door();
      const { status, headers, body } = await service.request("POST", "/api/v1/jobs", testEmail);
      expect(status).toBe(201);
      expect(headers.get("location")).toBe(`/api/v1/jobs/${body.id}`);
      // 0 to 3 are the seeds' low, normal, high and critical.
      expect(body).toMatchObject({ type: "email", priority: "normal" });
      expect(body.id).toMatch(/^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/);
      expect((await service.get(`/api/v1/jobs/${body.id}`)).status).toBe(200);
      door.open();
      await service.over(body.id);
    });

    test("GET shows a job that runs with the keys, the types and the words that are printed", async () => {
      door = new Door();
      const events = service.jobs.events({ type: "email" })[Symbol.asyncIterator]();
      const { id } = await service.post(testEmail);
      while ((await events.next()).value?.event !== "job.progress");
      const { body } = await service.get(`/api/v1/jobs/${id}`);
      expect(typesOf(body, Object.keys(statusKeys))).toEqual(typesOf(statusKeys, Object.keys(statusKeys)));
      expect(body).toMatchObject({
        id,
        type: "email",
        status: "processing",
        progress: 50,
        progress_message: "Sending email...",
      });
      for (const time of [body.created_at, body.updated_at]) {
        expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      }
      door.open();
      await events.return?.();
      // "Poll job status in real-time": the last poll sees the end.
      expect(await service.over(id)).toMatchObject({ status: "completed", progress: 100 });
    });

    test("the list takes the query as printed, and its pages neither repeat nor miss a job", async () => {
      const sent = await Promise.all(Array.from({ length: 5 }, () => service.post(testEmail)));
      for (const { id } of sent) await service.over(id);
      const { status, body } = await service.get<ListJson>(
        "/api/v1/jobs?status=completed&type=email&limit=50&offset=0",
      );
      expect(status).toBe(200);
      expect(body).toMatchObject({ limit: 50, offset: 0, total: body.jobs.length });
      expect(body.jobs.every((job) => job.status === "completed" && job.type === "email")).toBe(true);
      expect(body.jobs.map(({ id }) => id)).toEqual(expect.arrayContaining(sent.map(({ id }) => id)));

      const pages: string[] = [];
      for (let offset = 0; offset < body.total; offset += 2) {
        const page = await service.get<ListJson>(
          `/api/v1/jobs?status=completed&type=email&limit=2&offset=${offset}`,
        );
        pages.push(...page.body.jobs.map(({ id }) => id));
      }
      expect(pages).toEqual(body.jobs.map(({ id }) => id));
    });

    test("two workers share the jobs, and each job runs on one of them", async () => {
      door = new Door();
      // Six slots on two workers: that all six run at once shows that both have taken their part.
      const running = workers.map((worker) => worker.health().running);
      expect(running).toEqual([0, 0]);
      ranOn.clear();
      const events = service.jobs.events({ type: "email" })[Symbol.asyncIterator]();
      const sent = await Promise.all(Array.from({ length: 6 }, () => service.post(testEmail)));
      while (ranOn.size < 6) await events.next();
      expect(workers.map((worker) => worker.health().running)).toEqual([3, 3]);
      door.open();
      for (const { id } of sent) await service.over(id);
      await events.return?.();
      expect([...ranOn.values()].toSorted()).toEqual([...Array(3).fill("first"), ...Array(3).fill("second")]);
    });

    test("a type that no worker handles is refused when it is sent, and not dropped by a filter", async () => {
      const { status, body } = await service.request<{ code: string; detail: string }>(
        "POST",
        "/api/v1/jobs",
        {
          type: "image_procesing",
          payload: {},
        },
      );
      expect(status).toBe(422);
      expect(body.code).toBe("unknown_type");
      expect(body.detail).toContain('Did you mean "image_processing"?');
    });

    test("a payload that does not fit its type is refused with each of its faults", async () => {
      const { status, body } = await service.request<{ code: string; detail: string }>(
        "POST",
        "/api/v1/jobs",
        {
          type: "image_processing",
          payload: { image_url: "image.jpg", operations: ["resize"] },
        },
      );
      expect([status, body.code]).toEqual([422, "invalid_payload"]);
      expect(body.detail).toMatch(/image_url: .*output_path: /);
    });
  });
