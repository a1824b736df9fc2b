import type { ListPlace } from "../../../src/jobs/store/index.ts";
import type { Hit, MergedScan, Pause, Residual } from "./scan.ts";

/** Jobs that are looked at in the first statement. They may have large payloads. */
const FIRST_CHUNK = 16;
const LARGEST_CHUNK = 8_192;
/** Milliseconds that a statement is to take. */
const CHUNK_MS = 3;

/**
 * Looks at jobs in their order for those that meet a condition, in chunks between which the event loop goes on. Ends after
 * a number of jobs, wherever it is.
 */
export class Search {
  readonly #jobs: MergedScan;
  readonly #residual: Residual;
  readonly #pause: Pause;
  /** Jobs that may still be looked at. */
  #left: number;
  #chunk = FIRST_CHUNK;
  /** Jobs that were found, and not returned. */
  #found: Hit[] = [];
  /** The last job that was looked at; undefined at the end. */
  #last: Hit | undefined;
  #isAtEnd = false;

  /** @param most jobs that are looked at in all */
  constructor(
    jobs: MergedScan,
    residual: Residual,
    { pause, most }: { readonly pause: Pause; readonly most: number },
  ) {
    this.#jobs = jobs;
    this.#residual = residual;
    this.#pause = pause;
    this.#left = most;
  }

  /** The place of the last job that was looked at, if there may be others behind it; undefined at the end of all jobs. */
  get stoppedAt(): ListPlace | undefined {
    return this.#last && { createdAt: this.#last.created_at, id: this.#last.id };
  }

  /** The next jobs that meet the condition, at most `limit`; fewer at the end, or after the number of jobs. */
  async next(limit: number): Promise<Hit[]> {
    while (this.#found.length < limit && !this.#isAtEnd && this.#left > 0) {
      const startedAt = performance.now();
      const size = Math.min(this.#chunk, this.#left);
      const { hits, count, last } = this.#jobs.examine(size, this.#residual);
      this.#found.push(...hits);
      this.#left -= count;
      this.#last = last;
      this.#isAtEnd = last === undefined;
      this.#adapt(performance.now() - startedAt);
      await this.#pause();
    }
    return this.#found.splice(0, limit);
  }

  /** A chunk takes a few milliseconds, whatever the size of the payloads and the speed of the machine. */
  #adapt(tookMs: number): void {
    if (tookMs > CHUNK_MS) this.#chunk = Math.max(1, Math.floor((this.#chunk * CHUNK_MS) / tookMs));
    else if (tookMs < CHUNK_MS / 2) this.#chunk = Math.min(LARGEST_CHUNK, this.#chunk * 2);
  }
}
