import type { FaultKind, PlannedFault, Step } from "./plan.ts";

/** A moment at which something can go wrong. */
export interface FaultPoint {
  readonly step: Step;
  readonly side: "before" | "after";
  /** Whether the process drains. */
  readonly draining: boolean;
  /** Messages in the request, or brought by it. */
  readonly entries: number;
}

/** Which faults suit a point. A crash suits every one on its own side. */
const SUITS: Readonly<Record<FaultKind, (point: FaultPoint) => boolean>> = {
  duplicate: ({ step, side, entries }) => step === "receive" && side === "after" && entries > 0,
  reorder: ({ step, side, entries }) => step === "receive" && side === "after" && entries > 0,
  expire: ({ step, side, entries }) => step === "receive" && side === "after" && entries > 0,
  mute: ({ step, side }) => step === "settle extend" && side === "before",
  lost: ({ step, side, entries }) => step !== "handler" && side === "after" && entries > 0,
  partial: ({ step, side }) => side === "before" && (step.startsWith("send") || step.startsWith("settle")),
  crash: () => true,
};

/** The faults of a run that have not happened yet, each waiting for its moment and its step. */
export class Faults {
  /** How many of each kind have happened. */
  readonly happened: Map<string, number> = new Map();
  #waiting: PlannedFault[];
  #idle = false;

  constructor(planned: readonly PlannedFault[]) {
    this.#waiting = [...planned];
  }

  get total(): number {
    let total = 0;
    for (const count of this.happened.values()) total += count;
    return total;
  }

  /** The fault that happens here, if any: one at a point. `at` is the time since the beginning. */
  take(point: FaultPoint, at: number): PlannedFault | undefined {
    const index = this.#waiting.findIndex((fault) => fault.after <= at && this.#suits(fault, point));
    if (index < 0) return undefined;
    const [planned] = this.#waiting.splice(index, 1);
    if (planned === undefined) return undefined;
    const fault: PlannedFault = this.#idle ? { ...planned, kind: "lost" } : planned;
    this.count(fault.kind);
    return fault;
  }

  count(kind: string): void {
    this.happened.set(kind, (this.happened.get(kind) ?? 0) + 1);
  }

  /** Nothing is left to do: what still waits happens to the polls that go on, which bring nothing. */
  idle(): void {
    this.#idle = true;
  }

  /** No more of them happen. */
  disarm(): void {
    this.#waiting = [];
  }

  #suits(fault: PlannedFault, point: FaultPoint): boolean {
    if (this.#idle) return point.step.startsWith("receive") && point.side === "after";
    if (fault.on !== undefined && !point.step.startsWith(fault.on)) return false;
    if (fault.kind === "crash" && (fault.side !== point.side || (fault.draining && !point.draining)))
      return false;
    return SUITS[fault.kind](point);
  }
}
