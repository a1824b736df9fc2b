import type { FaultPoint } from "./faults.ts";
import type { PlannedFault } from "./plan.ts";
import type { Held } from "./tracked.ts";
import type { World } from "./world.ts";

/** The process that a view belongs to, as the view sees it. */
export interface ViewHost {
  readonly name: string;
  readonly world: World;
  readonly skewMs: number;
  readonly dead: AbortSignal;
  /** Until then the extensions of this process fail; by the broker's clock. */
  mutedUntil: number;
  /** What happens here; a crash has happened when it returns. */
  meet(point: Omit<FaultPoint, "draining">, detail: string): PlannedFault | undefined;
  /** Never resolves; rejects when the dead process is played out. */
  grave<T>(): Promise<T>;
  /** Deliveries that this process has in hand, by message. */
  held(id: string): readonly Held[];
  hold(held: Held): void;
  drop(held: Held): void;
}
