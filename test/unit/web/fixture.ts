import { z } from "zod";
import { type EmulatedProvider, memory } from "../../../adapters/memory/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import { createJobs } from "../../../src/jobs/create-jobs.ts";
import type { JobsOptions } from "../../../src/jobs/jobs-options.ts";
import type { Jobs } from "../../../src/jobs/jobs.ts";
import type { EndChange } from "../../../src/jobs/store/change.ts";
import type { JobStore } from "../../../src/jobs/store/job-store.ts";
import { memoryJobStore } from "../../../src/jobs/store/memory-job-store.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { defineJob, type JobDefinition } from "../../../src/worker/job.ts";
import { type JobsApi, jobsApi } from "../../../web/api/jobs-api.ts";
import type { AuditEvent, JobsApiOptions } from "../../../web/api/options.ts";
import { conforms } from "./contract.ts";

/** The payload of an `email`. */
interface Email {
  readonly to: string;
  readonly subject?: string | undefined;
  readonly body?: string | undefined;
}

export const email: JobDefinition<Email, Email> = defineJob({
  type: "email",
  queue: "emails",
  schema: z.object({ to: z.string(), subject: z.string().optional(), body: z.string().optional() }),
});

/** An answer, with its body read. */
export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly body: any;
}

/** Options of a request besides its method and path. */
export interface RequestOptions {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Options of the fixture. */
export interface ApiFixtureOptions {
  readonly api?: Partial<JobsApiOptions>;
  readonly jobs?: Partial<JobsOptions>;
  readonly store?: (clock: FakeClock) => JobStore;
  readonly emulate?: EmulatedProvider;
}

/** The REST API of jobs on a memory queue and a memory store, with a fake clock and without a socket. */
export class ApiFixture implements AsyncDisposable {
  readonly clock: FakeClock;
  readonly store: JobStore;
  readonly jobs: Jobs;
  readonly api: JobsApi;
  readonly errors: unknown[];
  readonly audited: AuditEvent[];

  private constructor(parts: Pick<ApiFixture, "clock" | "store" | "jobs" | "api" | "errors" | "audited">) {
    this.clock = parts.clock;
    this.store = parts.store;
    this.jobs = parts.jobs;
    this.api = parts.api;
    this.errors = parts.errors;
    this.audited = parts.audited;
  }

  static async open({
    api = {},
    jobs: options = {},
    store: open,
    emulate,
  }: ApiFixtureOptions = {}): Promise<ApiFixture> {
    const clock = new FakeClock();
    const store = open?.(clock) ?? memoryJobStore({ clock });
    const queue = createQueue(memory({ clock, ...(emulate === undefined ? {} : { emulate }) }));
    if (emulate !== undefined) await queue.ensure("emails");
    const jobs = await createJobs(queue, {
      store,
      definitions: [email],
      onWarning: () => {},
      ...options,
    });
    const errors: unknown[] = [];
    const audited: AuditEvent[] = [];
    const isOpen = api.authorize === undefined;
    const handler = jobsApi(jobs, {
      ...(isOpen ? { open: true } : {}),
      onError: (error) => errors.push(error),
      onAudit: (event) => audited.push(event),
      ...api,
    });
    return new ApiFixture({ clock, store, jobs, api: handler, errors, audited });
  }

  get(path: string, options?: RequestOptions): Promise<Answered> {
    return this.request("GET", path, options);
  }

  post(path: string, body?: unknown, options?: RequestOptions): Promise<Answered> {
    return this.request("POST", path, { body, ...options });
  }

  /** Makes a request, and checks that the answer is one that the OpenAPI document describes. */
  async request(
    method: string,
    path: string,
    { body, headers = {}, signal }: RequestOptions = {},
  ): Promise<Answered> {
    const init = {
      method,
      headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    };
    const response = await this.raw(path, init);
    const text = await response.text();
    const type = response.headers.get("content-type") ?? "";
    const read: unknown = text === "" ? undefined : /json/.test(type) ? JSON.parse(text) : text;
    conforms(method, path, response, read);
    return { status: response.status, headers: response.headers, body: read };
  }

  raw(path: string, init?: RequestInit): Promise<Response> {
    return this.api(new Request(`http://localhost${path}`, init));
  }

  /** Runs a job as a worker does: claims it, and ends the claim, unless `outcome` is undefined. */
  async run(id: string, outcome?: EndChange["outcome"], end: Partial<EndChange> = {}): Promise<void> {
    const { store, jobs } = this;
    const job = await jobs.get(id);
    if (job === undefined) throw new Error(`there is no job ${id}`);
    const [stored] = await store.get(jobs.namespace, [id], []);
    const token = `token-${id}-${job.version}`;
    const stamp = stored?.row.stamp ?? "";
    const { queue, type } = job;
    const claim = {
      kind: "claim",
      id,
      token,
      workerId: "worker-1",
      queue,
      type,
      stamp,
      redrive: stored?.row.generation ?? 0,
      wasDeadLetter: false,
      attemptsBefore: 0,
      attemptsOfCopy: 0,
      leaseMs: 30_000,
      seed: () => {
        throw new Error("there is a row");
      },
    } as const;
    const [answer] = await store.apply(jobs.namespace, [claim]);
    if (answer?.do !== "run") throw new Error(`not claimed: ${JSON.stringify(answer)}`);
    if (outcome === undefined) return;
    await this.clock.advance(10);
    await store.apply(jobs.namespace, [
      {
        kind: "end",
        id,
        token,
        isUntracked: false,
        seq: 1,
        generation: answer.generation,
        attempt: answer.attempt,
        outcome,
        workerId: "worker-1",
        durationMs: 10,
        ...end,
      },
    ]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.jobs.close();
    await this.jobs.queue.close();
  }
}
