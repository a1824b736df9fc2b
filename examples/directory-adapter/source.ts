import { rename, unlink } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type Delivery,
  DriverError,
  type Operation,
  PollRunner,
  type SettleResult,
  type Source,
  systemClock,
} from "../../src/driver/index.ts";
import { attempt, classify, isMissing } from "./errors.ts";
import { fileOf, listMessages, type MessageName, readMessage, syncDirectory } from "./message-file.ts";

/** The time between two looks at the directory, which does not report changes. */
const LOOK_EVERY_MS = 25;

/** The receipt of a delivery. Calls overlap, and each needs the name that the previous one has left. */
interface Receipt {
  name: MessageName;
  acked: boolean;
  last: Promise<unknown>;
}

/** Leased messages of one queue. */
export class DirectorySource implements Source {
  readonly #directory: string;
  readonly #leaseMs: number;
  readonly #waitMs: number;
  readonly #polls = new PollRunner((max, signal) => this.#poll(max, signal), systemClock);
  /** Messages that were listed and not tried yet. A name is never used twice, so an outdated one is only missing. */
  #seen: MessageName[] = [];
  #closed = false;

  constructor(directory: string, leaseMs: number, waitMs: number) {
    this.#directory = directory;
    this.#leaseMs = leaseMs;
    this.#waitMs = waitMs;
  }

  next(max: number, signal: AbortSignal): Promise<Delivery[]> {
    return this.#polls.next(max, signal);
  }

  async settle(operations: readonly Operation[]): Promise<SettleResult[]> {
    if (this.#closed) throw new DriverError("permanent", `The source of ${this.#directory} is closed.`);
    return Promise.all(
      operations.map((operation) => {
        const receipt = operation.delivery.receipt as Receipt;
        const result = receipt.last.then(() => this.#settle(operation, receipt));
        receipt.last = result;
        return result;
      }),
    );
  }

  stop(): Promise<Delivery[]> {
    return this.#polls.stop();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#polls.close();
    await this.stop();
  }

  async #poll(max: number, signal: AbortSignal): Promise<Delivery[]> {
    const end = performance.now() + this.#waitMs;
    for (;;) {
      const deliveries = await attempt(`receive from ${this.#directory}`, () => this.#take(max));
      if (deliveries.length > 0 || signal.aborted || performance.now() >= end) return deliveries;
      await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Leases messages that are visible now. */
  async #take(max: number): Promise<Delivery[]> {
    for (;;) {
      if (this.#seen.length === 0) {
        const now = Date.now();
        this.#seen = (await listMessages(this.#directory)).filter(({ visibleAt }) => visibleAt <= now);
        if (this.#seen.length === 0) return [];
      }
      const won = await Promise.all(this.#seen.splice(0, max).map((name) => this.#lease(name)));
      const deliveries = won.flatMap((delivery) => delivery ?? []);
      if (deliveries.length === 0) continue;
      // The count of a delivery is on the disk before its handler runs, so that attempts never fall below the runs.
      await syncDirectory(this.#directory);
      return deliveries;
    }
  }

  /** Leases one message. Undefined if another process has it. */
  async #lease(free: MessageName): Promise<Delivery | undefined> {
    const leaseUntil = Date.now() + this.#leaseMs;
    const deliveryCount = free.deliveries + 1;
    const leased: MessageName = {
      ...free,
      visibleAt: leaseUntil,
      deliveries: deliveryCount,
      state: "leased",
    };
    try {
      const name = await this.#rename(free, leased);
      const content = await readMessage(this.#directory, name);
      const receipt: Receipt = { name, acked: false, last: Promise.resolve() };
      return { ...content, deliveryCount, leaseUntil, brokerId: name.brokerId, receipt };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async #settle(operation: Operation, receipt: Receipt): Promise<SettleResult> {
    const now = Date.now();
    const { name } = receipt;
    try {
      if (operation.kind === "ack") {
        if (!receipt.acked) await unlink(fileOf(this.#directory, name));
        receipt.acked = true;
        return { ok: true };
      }
      if (operation.kind === "extend") {
        const leaseUntil = now + operation.leaseMs;
        receipt.name = await this.#rename(name, { ...name, visibleAt: leaseUntil });
        return { ok: true, leaseUntil };
      }
      if (operation.kind === "release") {
        const visibleAt = now + operation.delayMs;
        receipt.name = await this.#rename(name, { ...name, visibleAt, state: "queued" });
        return { ok: true };
      }
      throw new DriverError("permanent", "a directory has no native dead letters");
    } catch (error) {
      // The file has another name by now, which only another receiver can have given it.
      const kind = isMissing(error) ? "lease_lost" : classify(error);
      const text = `Could not ${operation.kind} message ${name.brokerId}: ${String(error)}`;
      return { ok: false, error: new DriverError(kind, text, { cause: error }) };
    }
  }

  async #rename(from: MessageName, to: MessageName): Promise<MessageName> {
    await rename(fileOf(this.#directory, from), fileOf(this.#directory, to));
    return to;
  }
}
