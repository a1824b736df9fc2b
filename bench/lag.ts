import { closeSync, openSync, readSync } from "node:fs";

/** The time for which this thread waited for a CPU that others used, in nanoseconds. Unknown beside Linux: 0. */
class RunQueue {
  readonly #file: number | undefined;
  readonly #buffer: Buffer = Buffer.alloc(128);

  constructor() {
    try {
      // The main thread has the id of the process.
      this.#file = openSync(`/proc/self/task/${process.pid}/schedstat`, "r");
    } catch {
      this.#file = undefined;
    }
  }

  waitedNs(): number {
    if (this.#file === undefined) return 0;
    const length = readSync(this.#file, this.#buffer, 0, 128, 0);
    return Number(this.#buffer.toString("latin1", 0, length).split(" ")[1]);
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
  }
}

/**
 * Measures how late a timer of 1 ms is. The time for which other processes had the CPU is left out, so that a figure of a
 * shared machine is comparable with that of another hour. Waits for a disk are in it.
 */
export class LagMeter {
  readonly #queue: RunQueue = new RunQueue();
  readonly #lags: number[] = [];
  #at: number = performance.now();
  #waited: number = this.#queue.waitedNs();
  #timer: NodeJS.Timeout = setTimeout(() => this.#tick());

  /** Ends the measurement. Returns milliseconds. */
  stop(): { readonly p50: number; readonly p99: number; readonly max: number } {
    clearTimeout(this.#timer);
    this.#queue.close();
    const sorted = this.#lags.toSorted((one, other) => one - other);
    const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
    return { p50: at(0.5), p99: at(0.99), max: at(1) };
  }

  #tick(): void {
    const [now, waited] = [performance.now(), this.#queue.waitedNs()];
    this.#lags.push(Math.max(0, now - this.#at - 1 - (waited - this.#waited) / 1e6));
    [this.#at, this.#waited] = [now, waited];
    this.#timer = setTimeout(() => this.#tick(), 1);
  }
}
