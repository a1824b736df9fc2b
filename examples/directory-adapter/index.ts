/**
 * A directory on disk as a queue: the example of `docs/writing-an-adapter.md`. Any number of processes may share it.
 * @module
 */
import { randomUUID } from "node:crypto";
import { access, mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import {
  type Admin,
  type Driver,
  DriverError,
  type DriverStats,
  type ErrorKind,
  type Limits,
  type OpenOptions,
  type Outgoing,
  type QueueSpec,
  type QueueTraits,
  type SendResult,
  siblingQueue,
  type Source,
} from "../../src/driver/index.ts";
import { classify, driverError, isMissing } from "./errors.ts";
import { listMessages, syncDirectory, writeMessage } from "./message-file.ts";
import { DirectorySource } from "./source.ts";

export interface DirectoryOptions {
  /** Where the queues are, a directory each. */
  readonly path: string;
}

const MIB = 1_048_576;
/** A hidden file this old was left by a process that died while it wrote. */
const LEFT_OVER_MS = 3_600_000;

const limits: Limits = {
  maxBatch: 100,
  maxBatchBytes: 16 * MIB,
  maxMessageBytes: MIB,
  maxAttributes: 100,
  maxAttributeBytes: 64 * 1_024,
  // A moment in a file's name may be as far off as it likes, so nothing has to be parked, and no lease is too long.
  nativeDelayMs: Number.POSITIVE_INFINITY,
  maxReleaseDelayMs: Number.POSITIVE_INFINITY,
  maxHopMs: Number.POSITIVE_INFINITY,
  maxLeaseMs: Number.POSITIVE_INFINITY,
  maxTotalLeaseMs: Number.POSITIVE_INFINITY,
  maxInFlight: Number.POSITIVE_INFINITY,
  retentionMs: Number.POSITIVE_INFINITY,
  maxReceive: 100,
  maxPolls: 1,
  longPollMs: 5_000,
  maxSettleBatch: 100,
  cancel: false,
  createsQueues: false,
};

/**
 * Queues in a directory.
 *
 * @example
 * const queue = createQueue(directory({ path: "/var/lib/jobs" }));
 * await queue.ensure("emails");
 */
export function directory(options: DirectoryOptions): Driver {
  return new DirectoryDriver(options.path);
}

class DirectoryDriver implements Driver {
  readonly provider = "directory";
  readonly limits: Limits = limits;
  readonly admin: Admin = {
    ensure: (queue, spec) => this.#ensure(queue, spec),
    drop: (queue) => this.#drop(queue),
  };
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async describe(queue: string): Promise<QueueTraits> {
    await this.#attempt(`describe queue "${queue}"`, () => access(this.#directory(queue)));
    return {
      ordering: "none",
      orderingKeyRequired: false,
      dedupWindowMs: 0,
      deadLetter: "copy",
      deadLetterQueue: siblingQueue(queue, "-dlq"),
      delayQueue: siblingQueue(queue, "-delay"),
      nativeDelayMs: limits.nativeDelayMs,
      countsDeliveries: true,
    };
  }

  classify(error: unknown): ErrorKind {
    return classify(error);
  }

  send(queue: string, messages: readonly Outgoing[], signal: AbortSignal): Promise<SendResult[]> {
    return new Promise((resolve, reject) => {
      const abandon = (): void => {
        reject(
          new DriverError("ambiguous", `A send to queue "${queue}" was aborted.`, { cause: signal.reason }),
        );
      };
      if (signal.aborted) return abandon();
      signal.addEventListener("abort", abandon, { once: true });
      this.#send(queue, messages)
        .then(resolve, reject)
        .finally(() => signal.removeEventListener("abort", abandon));
    });
  }

  open(queue: string, { leaseMs, waitMs = limits.longPollMs }: OpenOptions): Source {
    return new DirectorySource(this.#directory(queue), leaseMs, waitMs);
  }

  async stats(queue: string): Promise<DriverStats> {
    const names = await this.#attempt(`count queue "${queue}"`, () => listMessages(this.#directory(queue)));
    const asOf = Date.now();
    const hidden = names.filter(({ visibleAt }) => visibleAt > asOf);
    const inFlight = hidden.filter(({ state }) => state === "leased").length;
    return {
      ready: names.length - hidden.length,
      inFlight,
      delayed: hidden.length - inFlight,
      // What is renamed while the directory is read may be seen twice, or not at all.
      approximate: true,
      asOf,
    };
  }

  /** Nothing is held between calls. */
  async close(): Promise<void> {}

  async #send(queue: string, messages: readonly Outgoing[]): Promise<SendResult[]> {
    const folder = this.#directory(queue);
    const enqueuedAt = Date.now();
    const results = await Promise.all(
      messages.map(async ({ body, attributes, delayMs }): Promise<SendResult> => {
        try {
          const content = { body, attributes, enqueuedAt };
          return { ok: true, brokerId: await writeMessage(folder, enqueuedAt + delayMs, content) };
        } catch (error) {
          return { ok: false, error: driverError(error, `send to queue "${queue}"`) };
        }
      }),
    );
    // Once for all of them, and before any of them is confirmed: who was told that it is sent may rely on it.
    await this.#attempt(`send to queue "${queue}"`, () => syncDirectory(folder));
    return results;
  }

  async #ensure(queue: string, { ordering = "none" }: QueueSpec): Promise<void> {
    if (ordering !== "none") {
      throw new DriverError("permanent", `Queue "${queue}": a directory keeps no order; ask for "none".`);
    }
    await this.#attempt(`create queue "${queue}"`, async () => {
      for (const name of family(queue)) {
        const folder = this.#directory(name);
        await mkdir(folder, { recursive: true });
        for (const file of await readdir(folder)) {
          if (file.startsWith(".")) await removeLeftOver(join(folder, file));
        }
      }
      await syncDirectory(this.#path);
    });
  }

  async #drop(queue: string): Promise<void> {
    await this.#attempt(`remove queue "${queue}"`, async () => {
      for (const name of family(queue)) {
        // Out of the way first, so that others see it whole or not at all.
        const dropped = join(this.#path, `.${randomUUID()}`);
        try {
          await rename(this.#directory(name), dropped);
        } catch (error) {
          if (isMissing(error)) continue;
          throw error;
        }
        await rm(dropped, { recursive: true });
      }
    });
  }

  /** Any name becomes one that a file can have, and none becomes a path that leads elsewhere. */
  #directory(queue: string): string {
    return join(this.#path, encodeURIComponent(queue).replaceAll(".", "%2E"));
  }

  async #attempt<T>(attempted: string, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw driverError(error, attempted);
    }
  }
}

/** A queue with those that belong to it. */
function family(queue: string): string[] {
  return [queue, siblingQueue(queue, "-dlq"), siblingQueue(queue, "-delay")];
}

async function removeLeftOver(file: string): Promise<void> {
  const { mtimeMs } = await stat(file);
  if (mtimeMs < Date.now() - LEFT_OVER_MS) await rm(file, { force: true });
}
