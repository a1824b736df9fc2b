import type { FaultPoint } from "./faults.ts";
import type { PlannedFault } from "./plan.ts";
import type { Held } from "./tracked.ts";
import type { World } from "./world.ts";

/** The process that a simulated driver belongs to. */
export interface DriverHost {
  readonly name: string;
  readonly world: World;
  readonly skewMs: number;
  /** Calls `listener` when the clock of the process is set. */
  onClockSet(listener: (byMs: number) => void): void;
  readonly dead: AbortSignal;
  /** Time until which the lease extensions of this process fail, by the broker's clock. */
  mutedUntil: number;
  /** Reports that the process has reached a point. Returns the fault to apply. A crash has happened on return. */
  reach(point: Omit<FaultPoint, "draining">, detail: string): PlannedFault | undefined;
  /** A promise that keeps a dead process from continuing. It rejects when the process is cleaned up. */
  halt<T>(): Promise<T>;
  /** Deliveries of a message that this process holds. */
  held(id: string): readonly Held[];
  hold(held: Held): void;
  drop(held: Held): void;
}
