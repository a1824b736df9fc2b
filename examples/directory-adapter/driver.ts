import { access } from "node:fs/promises";
import { join } from "node:path";
import {
  type Admin,
  type Driver,
  type DriverStats,
  type ErrorKind,
  type Limits,
  type OpenOptions,
  type Outgoing,
  type QueueTraits,
  type SendResult,
  sendUntilAborted,
  siblingQueue,
  type Source,
} from "../../src/driver/index.ts";
import { DirectoryAdmin } from "./admin.ts";
import { attempt, classify, driverError } from "./errors.ts";
import { directoryLimits } from "./limits.ts";
import { listMessages, syncDirectory, writeMessage } from "./message-file.ts";
import { directorySource } from "./source.ts";

export interface DirectoryOptions {
  /** The directory that holds a directory for each queue. */
  readonly path: string;
}

/**
 * Creates a driver for queues in a directory.
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
  readonly limits: Limits = directoryLimits;
  readonly admin: Admin;
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
    this.admin = new DirectoryAdmin(path, (queue) => this.#folder(queue));
  }

  async describe(queue: string): Promise<QueueTraits> {
    await attempt(`describe queue "${queue}"`, () => access(this.#folder(queue)));
    return {
      ordering: "none",
      orderingKeyRequired: false,
      dedupWindowMs: 0,
      deadLetter: "copy",
      deadLetterQueue: siblingQueue(queue, "-dlq"),
      delayQueue: siblingQueue(queue, "-delay"),
      nativeDelayMs: directoryLimits.nativeDelayMs,
      countsDeliveries: true,
    };
  }

  classify(error: unknown): ErrorKind {
    return classify(error);
  }

  send(queue: string, messages: readonly Outgoing[], signal: AbortSignal): Promise<SendResult[]> {
    return sendUntilAborted(queue, signal, () => this.#send(queue, messages));
  }

  open(queue: string, { leaseMs, waitMs = directoryLimits.longPollMs }: OpenOptions): Source {
    return directorySource(this.#folder(queue), leaseMs, waitMs);
  }

  async stats(queue: string): Promise<DriverStats> {
    const names = await attempt(`count queue "${queue}"`, () => listMessages(this.#folder(queue)));
    const asOf = Date.now();
    const hidden = names.filter(({ visibleAt }) => visibleAt > asOf);
    const inFlight = hidden.filter(({ state }) => state === "leased").length;
    return {
      ready: names.length - hidden.length,
      inFlight,
      delayed: hidden.length - inFlight,
      // A file that is renamed while the directory is read may be seen twice or not at all.
      approximate: true,
      asOf,
    };
  }

  /** Does nothing: the driver holds nothing between calls. */
  async close(): Promise<void> {}

  async #send(queue: string, messages: readonly Outgoing[]): Promise<SendResult[]> {
    const folder = this.#folder(queue);
    const enqueuedAt = Date.now();
    const results = await Promise.all(
      messages.map(async ({ body, attributes, delayMs }): Promise<SendResult> => {
        try {
          // Bytes are copied before the first `await`: they belong to the caller again once the call has returned.
          const kept = typeof body === "string" ? body : new Uint8Array(body);
          const content = { body: kept, attributes, enqueuedAt };
          return { ok: true, brokerId: await writeMessage(folder, enqueuedAt + delayMs, content) };
        } catch (error) {
          return { ok: false, error: driverError(error, `send to queue "${queue}"`) };
        }
      }),
    );
    // One sync for all messages, before any of them is confirmed: a confirmed message must survive a power cut.
    await attempt(`send to queue "${queue}"`, () => syncDirectory(folder));
    return results;
  }

  /** Converts any name of a queue to a valid file name that cannot lead to another directory. */
  #folder(queue: string): string {
    return join(this.#path, encodeURIComponent(queue).replaceAll(".", "%2E"));
  }
}
