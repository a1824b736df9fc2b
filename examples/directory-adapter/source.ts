import { rename, unlink } from "node:fs/promises";
import {
  type Delivery,
  DriverError,
  type Operation,
  pollingSource,
  type SettleResult,
  sleep,
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

/** Opens a source of the messages in a directory. */
export function directorySource(directory: string, leaseMs: number, waitMs: number): Source {
  const messages = new LeasedMessages(directory, leaseMs);
  return pollingSource({
    claim: (max) => attempt(`receive from ${directory}`, () => messages.claim(max)),
    settle: (operations) => messages.settle(operations),
    wait: (ms, signal) => sleep(systemClock, Math.min(ms, LOOK_EVERY_MS), signal),
    waitMs,
  });
}

/** The messages of one directory that one source leases and settles. */
class LeasedMessages {
  readonly #directory: string;
  readonly #leaseMs: number;
  /** Messages that were listed and not tried yet. A name is never used twice, so an outdated one is only missing. */
  #seen: MessageName[] = [];

  constructor(directory: string, leaseMs: number) {
    this.#directory = directory;
    this.#leaseMs = leaseMs;
  }

  /** The calls for one message wait for each other: each needs the name that the previous one has left. */
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

  /** Leases messages that are visible now. */
  async claim(max: number): Promise<Delivery[]> {
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
