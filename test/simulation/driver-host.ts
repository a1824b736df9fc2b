import type { Delivery, Driver, Limits, Operation, Outgoing } from "../../src/driver/index.ts";
import type { FaultPoint } from "./faults.ts";
import type { PlannedFault } from "./plan.ts";
import type { ProcessSource } from "./process-source.ts";
import type { QueueRole } from "./steps.ts";

/** One copy of a message that the broker has stored. */
export interface BrokerCopy {
  readonly brokerId: string;
  /** Whether a fault has delivered it to two receivers at once. */
  split: boolean;
}

/** A delivery that a process holds. */
export interface BrokerHeld {
  /** The id of the message. */
  readonly id: string;
  readonly copy: BrokerCopy;
  /** Identifies the delivery to its handler. */
  readonly tag: string;
  /** Whether a fault has made an extension of it fail. */
  muted: boolean;
}

/** Records what the broker does, and which faults may explain it. */
export interface BrokerLedger {
  copy(brokerId: string): BrokerCopy | undefined;
  /**
   * Records that the broker has stored a message, or has dropped it as a duplicate. `held` are the deliveries of the
   * message that the sending process holds.
   */
  stored(
    queue: string,
    outgoing: Outgoing,
    brokerId: string,
    held: readonly BrokerHeld[],
    isDead: boolean,
  ): void;
  /** Records a delivery. `undefined` if the broker's message is unknown to the ledger. */
  delivered(delivery: Delivery, process: string): BrokerHeld | undefined;
  /** Records that a settlement has taken effect. */
  settled(operation: Operation, held: BrokerHeld): void;
  /** Records that a fault has affected a copy, and may cause this many additional runs. */
  excuse(copy: BrokerCopy, runs: number): void;
  /** Records that a fault has affected the send of a message. */
  excuseSend(id: string): void;
  /** Records that a fault has cost a delivery of a copy. */
  waste(brokerId: string): void;
}

/** The broker that the processes of a simulation share. */
export interface DriverWorld {
  readonly driver: Driver;
  readonly plan: { readonly limits: Partial<Limits>; readonly leaseMs: number };
  readonly ledger: BrokerLedger;
  /** Open sources of the main queues. */
  readonly sources: Set<ProcessSource>;
  roleOf(queue: string): QueueRole;
  now(): number;
  latency(): Promise<void>;
  later(ms: number, run: () => void): void;
  offer(delivery: Delivery, first: ProcessSource): void;
}

/** The process that a simulated driver belongs to. */
export interface DriverHost {
  readonly name: string;
  readonly world: DriverWorld;
  readonly skewMs: number;
  /** Calls `listener` when the clock of the process is set. */
  onClockSet(listener: (byMs: number) => void): void;
  readonly dead: AbortSignal;
  /** Resolves when the process goes on. Undefined if it does not stand still. */
  readonly frozen: Promise<void> | undefined;
  /** Time until which the lease extensions of this process fail, by the broker's clock. */
  mutedUntil: number;
  /** Reports that the process has reached a point. Returns the fault to apply. A crash has happened on return. */
  reach(point: Omit<FaultPoint, "draining">, detail: string): PlannedFault | undefined;
  /** A promise that keeps a dead process from continuing. It rejects when the process is cleaned up. */
  halt<T>(): Promise<T>;
  /** Deliveries of a message that this process holds. */
  held(id: string): readonly BrokerHeld[];
  hold(held: BrokerHeld): void;
  drop(held: BrokerHeld): void;
}
