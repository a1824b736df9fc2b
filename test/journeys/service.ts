import { type ConfigFile, openJobs, type OpenJobsOptions } from "../../adapters/open.ts";
import type { JobRecordJson, Jobs, JobsEvent } from "../../src/jobs/index.ts";
import { type ApiServer, jobsApi, serveApi } from "../../web/api/index.ts";

/** The answer to one request. */
export interface Answer<Body = JobRecordJson> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

/** A page of `GET /jobs`. */
export interface ListJson {
  readonly jobs: readonly JobRecordJson[];
  readonly total: number;
  readonly limit: number;
  readonly offset: number;
}

/** An application as the seeds describe it: a REST API on a port, over the jobs of a configuration. */
export class Service implements AsyncDisposable {
  readonly jobs: Jobs;
  readonly #server: ApiServer;

  private constructor(jobs: Jobs, server: ApiServer) {
    this.jobs = jobs;
    this.#server = server;
  }

  static async open(config: ConfigFile, options: OpenJobsOptions = {}): Promise<Service> {
    const jobs = await openJobs(config, { onWarning: () => {}, ...options });
    const server = await serveApi(jobsApi(jobs, { open: true }), { port: 0 });
    return new Service(jobs, server);
  }

  get url(): string {
    return this.#server.url;
  }

  /** Makes a request, as the seeds print them: a method, a path, and JSON. */
  async request<Body = JobRecordJson>(method: string, path: string, body?: unknown): Promise<Answer<Body>> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    return {
      status: response.status,
      headers: response.headers,
      body: (await response.json()) as Body,
    };
  }

  async post(body: unknown): Promise<JobRecordJson> {
    const { status, body: record } = await this.request("POST", "/api/v1/jobs", body);
    if (status !== 201) throw new Error(`${status} ${JSON.stringify(record)}`);
    return record;
  }

  get<Body = JobRecordJson>(path: string): Promise<Answer<Body>> {
    return this.request("GET", path);
  }

  /** The record of a job when it is over. */
  async over(id: string): Promise<JobRecordJson> {
    return (await this.get(`/api/v1/jobs/${id}?wait=completed&timeout=30`)).body;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.close();
    await this.jobs.close();
  }
}

/** The values of these keys, with the JSON type of each in its place. */
export function typesOf(record: object, keys: Iterable<string>): Record<string, string> {
  const values = record as Readonly<Record<string, unknown>>;
  return Object.fromEntries([...keys].map((key) => [key, typeof values[key]]));
}

/** Reads events of jobs until one is `last`. */
export async function eventsUntil(
  events: AsyncIterable<JobsEvent>,
  last: JobsEvent["event"],
): Promise<JobsEvent[]> {
  const seen: JobsEvent[] = [];
  for await (const event of events) {
    seen.push(event);
    if (event.event === last) break;
  }
  return seen;
}
