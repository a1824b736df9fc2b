import { rename, unlink } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type Delivery,
  DriverError,
  type Operation,
  type SettleResult,
  type Source,
} from "../../src/driver/index.ts";
import { classify, driverError, isMissing } from "./errors.ts";
import { fileOf, listMessages, type MessageName, readMessage, syncDirectory } from "./message-file.ts";

/** A directory does not call: it is looked at this often. */
const LOOK_EVERY_MS = 25;

/** What a lease is known by. Calls overlap, and each needs the name that the one before it has left. */
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
  readonly #polls = new Set<Promise<void>>();
  readonly #stopping = new AbortController();
  /** Seen and not tried yet. Since no name comes up twice, one that is out of date is only gone. */
  #seen: MessageName[] = [];
  /** Leased when nobody waited for it any more. */
  #late: Delivery[] = [];

  constructor(directory: string, leaseMs: number, waitMs: number) {
    this.#directory = directory;
    this.#leaseMs = leaseMs;
    this.#waitMs = waitMs;
  }

  async next(max: number, signal: AbortSignal): Promise<Delivery[]> {
    const late = this.#late.splice(0, max).filter(({ leaseUntil }) => leaseUntil > Date.now());
    const stop = AbortSignal.any([signal, this.#stopping.signal]);
    if (late.length > 0 || stop.aborted) return late;
    return new Promise((resolve, reject) => {
      stop.addEventListener("abort", () => resolve([]), { once: true });
      // The waiting ends at once, a disk that is slow does not: what it still leases is kept, and not forgotten.
      const poll = this.#poll(max, stop)
        .then((deliveries) => {
          if (stop.aborted) this.#late.push(...deliveries);
          else resolve(deliveries);
        }, reject)
        .finally(() => this.#polls.delete(poll));
      this.#polls.add(poll);
    });
  }

  settle(operations: readonly Operation[]): Promise<SettleResult[]> {
    return Promise.all(
      operations.map((operation) => {
        const receipt = operation.delivery.receipt as Receipt;
        const result = receipt.last.then(() => this.#settle(operation, receipt));
        receipt.last = result;
        return result;
      }),
    );
  }

  async stop(): Promise<Delivery[]> {
    this.#stopping.abort();
    await Promise.all(this.#polls);
    return this.#late.splice(0);
  }

  async close(): Promise<void> {
    await this.stop();
  }

  async #poll(max: number, stop: AbortSignal): Promise<Delivery[]> {
    const end = Date.now() + this.#waitMs;
    for (;;) {
      const deliveries = await this.#take(max);
      if (deliveries.length > 0 || stop.aborted || Date.now() >= end) return deliveries;
      await sleep(LOOK_EVERY_MS, undefined, { signal: stop }).catch(() => undefined);
    }
  }

  /** Leases what is visible now. Others may be faster with every single message, so it goes on until one is won. */
  async #take(max: number): Promise<Delivery[]> {
    try {
      for (;;) {
        if (this.#seen.length === 0) {
          const now = Date.now();
          this.#seen = (await listMessages(this.#directory)).filter(({ visibleAt }) => visibleAt <= now);
          if (this.#seen.length === 0) return [];
        }
        const won = await Promise.all(this.#seen.splice(0, max).map((name) => this.#lease(name)));
        const deliveries = won.flatMap((delivery) => delivery ?? []);
        if (deliveries.length === 0) continue;
        // The count of a delivery has to be on the disk before a handler runs: attempts are never below the runs.
        await syncDirectory(this.#directory);
        return deliveries;
      }
    } catch (error) {
      throw driverError(error, `receive from ${this.#directory}`);
    }
  }

  /** Undefined where another process has it. */
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
      throw new DriverError("permanent", "a directory has no dead letters of its own");
    } catch (error) {
      // Its file has another name by now, which only another receiver can have given it.
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
