import { isQueueError } from "../../src/errors.ts";
import type { Jobs } from "../../src/jobs/jobs.ts";
import type { JobCount, WorkerRow } from "../../src/jobs/store/job-store.ts";
import { cached } from "../../src/lib/cached.ts";
import type { QueueStats } from "../../src/queue/queue.ts";
import type { ApiSettings } from "./options.ts";

/** A queue in the JSON of the API. */
export interface QueueJson {
  readonly name: string;
  readonly jobs: Readonly<Record<string, number>>;
  readonly messages?: number | undefined;
  readonly in_flight?: number | undefined;
  readonly backlog?: number | undefined;
  readonly delayed?: number | undefined;
  readonly dead_letters?: number | undefined;
  readonly approximate?: boolean;
  readonly as_of?: string;
  readonly error?: string;
}

/** Age in milliseconds up to which counts are reused, since reading them at a provider is a billed request. */
const MAX_AGE_MS = 10_000;

/** Reads the queues of `jobs`: those with jobs, with workers or with a definition, and those of the settings. */
export class QueueReport {
  readonly #jobs: Jobs;
  readonly #settings: ApiSettings;
  readonly #stats = new Map<string, () => Promise<Partial<QueueJson>>>();

  constructor(jobs: Jobs, settings: ApiSettings) {
    this.#jobs = jobs;
    this.#settings = settings;
  }

  /** The names of all queues, in their order. */
  async names(): Promise<string[]> {
    const [counts, workers] = await Promise.all([this.#jobs.counts(), this.#jobs.workers()]);
    return this.#namesOf(counts, workers);
  }

  /** All queues. */
  async all(): Promise<QueueJson[]> {
    const [counts, workers] = await Promise.all([this.#jobs.counts(), this.#jobs.workers()]);
    return Promise.all(this.#namesOf(counts, workers).map((name) => this.#queue(name, counts)));
  }

  /** One queue. */
  async one(name: string): Promise<QueueJson> {
    return this.#queue(name, await this.#jobs.counts());
  }

  async #queue(name: string, counts: readonly JobCount[]): Promise<QueueJson> {
    const jobs: Record<string, number> = {};
    for (const { queue, status, count } of counts)
      if (queue === name) jobs[status] = (jobs[status] ?? 0) + count;
    return { name, jobs, ...(await this.#statsOf(name)) };
  }

  #namesOf(counts: readonly JobCount[], workers: readonly WorkerRow[]): string[] {
    const names = new Set([
      ...this.#settings.queues,
      ...this.#jobs.definitions.flatMap((one) => queueOf(one) ?? []),
      ...counts.map(({ queue }) => queue),
      ...workers.flatMap(({ queues }) => queues),
    ]);
    return [...names].toSorted();
  }

  #statsOf(name: string): Promise<Partial<QueueJson>> {
    let read = this.#stats.get(name);
    if (read === undefined) {
      read = cached(
        () => this.#read(name),
        MAX_AGE_MS,
        () => this.#settings.clock.monotonic(),
      );
      this.#stats.set(name, read);
    }
    return read();
  }

  async #read(name: string): Promise<Partial<QueueJson>> {
    try {
      return statsJson(await this.#jobs.queue.stats(name));
    } catch (error) {
      // The text of the error names hosts and accounts.
      this.#settings.onError(error, undefined);
      return { error: isQueueError(error) ? error.code : "failed" };
    }
  }
}

function statsJson({
  messages,
  inFlight,
  backlog,
  delayed,
  failed,
  approximate,
  asOf,
}: QueueStats): Partial<QueueJson> {
  return {
    messages,
    in_flight: inFlight,
    backlog,
    delayed,
    dead_letters: failed,
    approximate,
    as_of: asOf.toISOString(),
  };
}

function queueOf(definition: object): string | undefined {
  const { queue } = definition as { readonly queue?: unknown };
  return typeof queue === "string" ? queue : undefined;
}
