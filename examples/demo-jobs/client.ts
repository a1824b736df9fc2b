import { setTimeout as sleep } from "node:timers/promises";

/** The members of a record that this client reads. */
export interface JobRecord {
  readonly id: string;
  readonly type: string;
  readonly status: string;
  readonly progress?: number;
  readonly progress_message?: string;
  readonly retry_count: number;
  readonly error?: { readonly message: string };
}

interface NewJob {
  readonly type: string;
  readonly payload: object;
  readonly priority?: number;
  readonly delay_ms?: number;
}

/** An application that knows nothing but the REST API. */
export class Client {
  readonly #base: string;

  constructor(url: string) {
    this.#base = `${url}/api/v1`;
  }

  create(job: NewJob): Promise<JobRecord> {
    return this.#call("POST", "/jobs", job);
  }

  get(id: string): Promise<JobRecord> {
    return this.#call("GET", `/jobs/${id}`);
  }

  cancel(id: string): Promise<JobRecord> {
    return this.#call("POST", `/jobs/${id}/cancel`, { reason: "the customer has left" });
  }

  async list(query: string): Promise<readonly JobRecord[]> {
    const { jobs } = await this.#call<{ readonly jobs: readonly JobRecord[] }>("GET", `/jobs?${query}`);
    return jobs;
  }

  /** Polls a job until it is over or `signal` aborts, and calls `onChange` with each new state. */
  async follow(id: string, onChange: (job: JobRecord) => void, signal: AbortSignal): Promise<JobRecord> {
    let seen = "";
    for (;;) {
      const job = await this.get(id);
      const state = `${job.status} ${job.progress} ${job.retry_count}`;
      if (state !== seen) onChange(job);
      seen = state;
      if (OVER.has(job.status) || signal.aborted) return job;
      await sleep(50);
    }
  }

  async #call<Answer = JobRecord>(method: string, path: string, body?: object): Promise<Answer> {
    const response = await fetch(`${this.#base}${path}`, {
      method,
      headers: { "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as Answer;
  }
}

const OVER: ReadonlySet<string> = new Set(["completed", "failed", "cancelled", "lost"]);
