import type { Message, Worker } from "../../src/index.ts";

/** Numbers of jobs, by outcome. */
export interface Sums {
  readonly sent: number;
  readonly completed: number;
  readonly retried: number;
  readonly deadLettered: number;
}

/**
 * Counts jobs by their id. Delivery is at least once, so a job may run twice, and is counted once. Jobs that an
 * earlier run left in the queue are not counted.
 */
export class Tally {
  readonly #sent = new Set<string>();
  readonly #completed = new Set<string>();
  readonly #retried = new Set<string>();
  readonly #deadLettered = new Map<string, string>();
  readonly #about = new Map<string, string>();

  /** Starts to record the jobs of a worker. */
  watch(worker: Worker): void {
    worker.use(async ({ message, context }, next) => {
      this.#about.set(message.id, subject(message));
      if (context.attempt > 1) this.#retried.add(message.id);
      await next();
      this.#completed.add(message.id);
    });
    worker.on("dead_lettered", ({ job, reason, error }) => {
      const cause = error instanceof Error ? `${error.message} (${reason})` : reason;
      this.#deadLettered.set(job.id, `${job.type} ${this.about(job.id)}: ${cause}`);
    });
  }

  sent(id: string): void {
    this.#sent.add(id);
  }

  /** The recipient of a job's mail or report; the job's id, if it has not run. */
  about(id: string): string {
    return this.#about.get(id) ?? id;
  }

  /** One line for each dead-lettered job, with its reason. */
  get deadLetters(): readonly string[] {
    return [...this.#deadLettered].filter(([id]) => this.#sent.has(id)).map(([, line]) => line);
  }

  /** Whether every job that was sent has completed or was dead-lettered. */
  get balanced(): boolean {
    const { sent, completed, deadLettered } = this.sums();
    return sent === completed + deadLettered;
  }

  sums(): Sums {
    const completed = this.#sent.intersection(this.#completed);
    const deadLettered = this.#sent.intersection(new Set(this.#deadLettered.keys())).difference(completed);
    const retried = this.#sent.intersection(this.#retried);
    return {
      sent: this.#sent.size,
      completed: completed.size,
      retried: retried.size,
      deadLettered: deadLettered.size,
    };
  }
}

function subject({ payload }: Message): string {
  const { email, name } = payload as { readonly email?: string; readonly name?: string };
  return email ?? `for ${name}`;
}
