import {
  type Delivery,
  DriverError,
  type Operation,
  type SettleResult,
  type Source,
} from "../../src/driver/index.ts";
import type { PlannedFault } from "./plan.ts";
import { receiveStep, settleStep } from "./steps.ts";
import { translated, withFaults } from "./with-faults.ts";
import type { BrokerHeld, DriverHost } from "./driver-host.ts";

/** The source of one process. Faults happen to its polls and settlements. */
export class ProcessSource implements Source {
  readonly queue: string;
  readonly #host: DriverHost;
  readonly #inner: Source;
  readonly #held = new Map<Delivery, BrokerHeld>();
  /** Deliveries for the next poll or the stop: delayed or added by a fault, or arrived after the poll was aborted. */
  #late: Delivery[] = [];
  #poll: AbortController | undefined;
  /** Polls without an answer, including those whose caller has stopped waiting. */
  readonly #outstanding = new Set<Promise<unknown>>();
  #stopped = false;

  constructor(host: DriverHost, queue: string, inner: Source) {
    this.queue = queue;
    this.#host = host;
    this.#inner = inner;
    host.onClockSet((byMs) => {
      for (const delivery of this.#late as { leaseUntil: number }[]) delivery.leaseUntil += byMs;
    });
    if (host.world.roleOf(queue) === "main") host.world.sources.add(this);
  }

  /** Whether a poll is waiting, so that a duplicate can be added to its answer. */
  get isPolling(): boolean {
    return this.#poll !== undefined && !this.#stopped && !this.#host.dead.aborted;
  }

  /** Adds a delivery of another receiver. */
  push(delivery: Delivery): void {
    this.#late.push(translated(delivery, this.#host.skewMs));
    this.#poll?.abort();
  }

  async next(max: number, signal: AbortSignal): Promise<Delivery[]> {
    const host = this.#host;
    const { world } = host;
    const step = receiveStep(world.roleOf(this.queue));
    if (host.dead.aborted) return host.halt();
    if (this.#stopped || signal.aborted) return [];
    if (this.#late.length > 0) return this.#takeLate(max);
    host.reach({ step, side: "before", entries: 0 }, this.queue);
    if (host.dead.aborted) return host.halt();
    if (host.frozen !== undefined) await host.frozen;
    return new Promise((resolve, reject) => {
      const onAbort = (): void => resolve([]);
      signal.addEventListener("abort", onAbort, { once: true });
      const polling = this.#pollOnce(max, signal)
        .then(resolve, reject)
        .finally(() => {
          signal.removeEventListener("abort", onAbort);
          this.#outstanding.delete(polling);
        });
      this.#outstanding.add(polling);
    });
  }

  async settle(operations: readonly Operation[]): Promise<SettleResult[]> {
    const host = this.#host;
    const { world } = host;
    const step = settleStep(world.roleOf(this.queue), operations);
    const of = ({ delivery }: Operation): BrokerHeld | undefined => this.#held.get(delivery);
    const excuse = (): void => {
      for (const held of operations.map(of)) if (held !== undefined) world.ledger.excuse(held.copy, 1);
    };
    const detail = `${this.queue} ${operations.map(({ kind, delivery }) => `${kind} #${delivery.brokerId}`).join(" ")}`;
    return withFaults(
      host,
      { step, entries: operations.length },
      detail,
      excuse,
      operations,
      async (some) => {
        const answers: SettleResult[] = [];
        const passing = some.filter((operation) => !this.#isMuted(operation, of(operation)));
        const results = passing.length === 0 ? [] : await this.#inner.settle(passing);
        for (const operation of some) {
          const index = passing.indexOf(operation);
          const result = results[index];
          if (result === undefined) answers.push({ ok: false, error: MUTED });
          else answers.push(this.#settled(operation, result));
        }
        return answers;
      },
    );
  }

  async stop(): Promise<Delivery[]> {
    if (this.#host.dead.aborted) return [];
    this.#stopped = true;
    const late = await this.#inner.stop();
    while (this.#outstanding.size > 0 && !this.#host.dead.aborted) await Promise.all(this.#outstanding);
    return this.#handOut([...this.#takeLate(this.#late.length), ...late]);
  }

  async close(): Promise<void> {
    this.#host.world.sources.delete(this);
    if (!this.#host.dead.aborted) await this.#inner.close();
  }

  /** Makes one poll. It continues to its end, even if its caller stops waiting. */
  async #pollOnce(max: number, signal: AbortSignal): Promise<Delivery[]> {
    const host = this.#host;
    const { world } = host;
    const step = receiveStep(world.roleOf(this.queue));
    await world.latency();
    const poll = new AbortController();
    const end = (): void => poll.abort();
    this.#poll = poll;
    signal.addEventListener("abort", end, { once: true });
    host.dead.addEventListener("abort", end, { once: true });
    if (signal.aborted || host.dead.aborted) end();
    const arrived = await this.#inner.next(max, poll.signal);
    signal.removeEventListener("abort", end);
    host.dead.removeEventListener("abort", end);
    if (this.#poll === poll) this.#poll = undefined;
    const waste = (): void => arrived.forEach(({ brokerId }) => world.ledger.waste(brokerId));
    if (host.dead.aborted) {
      waste();
      return host.halt();
    }
    const detail = `${this.queue} ${arrived.map(({ brokerId }) => `#${brokerId}`).join(" ")}`;
    const fault = host.reach({ step, side: "after", entries: arrived.length }, detail);
    if (!host.dead.aborted) await world.latency();
    if (!host.dead.aborted && host.frozen !== undefined) {
      // Their leases may have ended when it goes on.
      waste();
      await host.frozen;
    }
    if (host.dead.aborted || fault?.kind === "lost") waste();
    if (host.dead.aborted) return host.halt();
    if (fault?.kind === "lost") throw new DriverError("ambiguous", "the answer was lost");
    const deliveries = this.#tamper(arrived, fault);
    const late = this.#late.length > 0 ? this.#takeLate(max - deliveries.length) : [];
    for (const delivery of late) deliveries.push(delivery);
    if (!this.#stopped && !signal.aborted) return this.#handOut(deliveries);
    this.#late.push(...deliveries);
    return [];
  }

  #isMuted({ kind }: Operation, held: BrokerHeld | undefined): boolean {
    const { world, mutedUntil } = this.#host;
    if (kind !== "extend" || world.now() >= mutedUntil) return false;
    if (held !== undefined && !held.muted) world.ledger.excuse(held.copy, 1);
    if (held !== undefined) held.muted = true;
    return true;
  }

  #settled(operation: Operation, result: SettleResult): SettleResult {
    const { world, skewMs } = this.#host;
    const held = this.#held.get(operation.delivery);
    if (operation.kind !== "extend" && held !== undefined && result.ok) {
      world.ledger.settled(operation, held);
      this.#held.delete(operation.delivery);
      this.#host.drop(held);
    }
    return result.ok && result.leaseUntil !== undefined
      ? { ok: true, leaseUntil: result.leaseUntil + skewMs }
      : result;
  }

  #tamper(arrived: Delivery[], fault: PlannedFault | undefined): Delivery[] {
    const { world } = this.#host;
    const deliveries = arrived.map((delivery) => translated(delivery, this.#host.skewMs));
    const chosen = arrived[Math.floor((fault?.chance ?? 0) * arrived.length)];
    const copy = chosen === undefined ? undefined : world.ledger.copy(chosen.brokerId);
    if (chosen === undefined || copy === undefined) return deliveries;
    if (fault?.kind === "reorder") {
      this.#late.push(...deliveries.splice(arrived.indexOf(chosen), 1));
      return deliveries.toReversed();
    }
    if (fault?.kind === "duplicate") {
      copy.split = true;
      world.ledger.excuse(copy, 1);
      world.offer(chosen, this);
    } else if (fault?.kind === "expire") {
      copy.split = true;
      world.ledger.excuse(copy, 1);
      world.later(Math.floor(fault.chance * world.plan.leaseMs), () => {
        void this.#inner.settle([{ kind: "release", delivery: chosen, delayMs: 0 }]).catch(() => undefined);
      });
    }
    return deliveries;
  }

  #takeLate(max: number): Delivery[] {
    const now = this.#host.world.now() + this.#host.skewMs;
    const taken = this.#late.splice(0, max);
    const late = taken.filter(({ leaseUntil }) => leaseUntil > now);
    for (const { brokerId, leaseUntil } of taken)
      if (leaseUntil <= now) this.#host.world.ledger.waste(brokerId);
    return this.#handOut(late);
  }

  /** Tags deliveries. The tag is in the trace, because a handler sees only the message, not its delivery. */
  #handOut(deliveries: Delivery[]): Delivery[] {
    return deliveries.map((delivery) => {
      const held = this.#held.has(delivery)
        ? undefined
        : this.#host.world.ledger.delivered(delivery, this.#host.name);
      if (held === undefined) return delivery;
      const tagged = { ...delivery, attributes: { ...delivery.attributes, traceparent: held.tag } };
      this.#held.set(tagged, held);
      this.#host.hold(held);
      return tagged;
    });
  }
}

const MUTED: DriverError = new DriverError("transient", "lease extensions fail");
