import { QueueError } from "../errors.ts";
import { track } from "./track.ts";

/** The operations on dead letters that have not ended. The end of the connection ends each after its current batch. */
export class DeadLetterReads {
  readonly #reading = new Set<Promise<unknown>>();
  readonly #drained: AbortSignal;

  /** @param drained aborts when the connection ends */
  constructor(drained: AbortSignal) {
    this.#drained = drained;
  }

  /** @throws QueueError `closed` when the connection has ended the operation */
  async run<T>(
    queue: string,
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const drained = this.#drained;
    const result = await track(
      this.#reading,
      work(signal === undefined ? drained : AbortSignal.any([signal, drained])),
    );
    if (drained.aborted && signal?.aborted !== true) {
      throw new QueueError(
        "closed",
        `The queue was closed before all dead letters of "${queue}" were read. What was done until then stays done; do the rest on another connection.`,
        { queue },
      );
    }
    return result;
  }

  /** Resolves when every operation has ended. */
  async ended(): Promise<void> {
    if (this.#reading.size > 0) await Promise.allSettled(this.#reading);
  }
}
