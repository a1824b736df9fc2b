import type { GroupedChange } from "./group-commit.ts";

/** A piece of work for a {@link GroupCommit}, with a promise of its result. */
export class Work<Result> implements GroupedChange {
  readonly #done: PromiseWithResolvers<Result> = Promise.withResolvers();
  readonly #run: () => Result;
  #result: Result | undefined;

  /** @param run called within the transaction; again if the transaction is repeated */
  constructor(run: () => Result) {
    this.#run = run;
  }

  /** Settles when the transaction of the work has ended: with its result after the commit. */
  get done(): Promise<Result> {
    return this.#done.promise;
  }

  run(): boolean {
    this.#result = this.#run();
    return true;
  }

  committed(): void {
    this.#done.resolve(this.#result as Result);
  }

  failed(error: unknown): void {
    this.#done.reject(error);
  }
}
