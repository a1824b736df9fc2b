import { DriverError, type Operation, type Outgoing } from "../../src/driver/index.ts";

/** A request that is about to be made. */
export type FaultPoint =
  | { readonly operation: "send"; readonly queue: string; readonly messages: readonly Outgoing[] }
  | { readonly operation: "receive"; readonly queue: string; readonly max: number }
  | { readonly operation: "settle"; readonly queue: string; readonly operations: readonly Operation[] };

/** A fault of one request. */
export type Fault =
  /** The request fails without an effect. */
  | { readonly kind: "error"; readonly error: DriverError }
  /** The request takes effect: messages are stored, settled or leased. The caller gets an error, because the answer is lost. */
  | { readonly kind: "lose_response" }
  /** These messages of a send, or operations of a settlement, fail. The others take effect. */
  | { readonly kind: "fail_entries"; readonly indexes: readonly number[]; readonly error: DriverError }
  /** The request reaches the broker when `until` resolves. It takes effect even if its caller has stopped waiting. */
  | { readonly kind: "stall"; readonly until: Promise<void> };

/** A source of faults between the core and the memory driver. */
export interface Faults {
  /** Chooses the fault of a request. Undefined lets the request pass. */
  before(point: FaultPoint): Fault | undefined | Promise<Fault | undefined>;
}

type Outcome = { readonly ok: true } | { readonly ok: false; readonly error: DriverError };

/** Chooses the fault of a request, and makes the request with it. Returns one result for each item. */
export async function batchUnderFault<Item, Result>(
  faults: Faults,
  point: FaultPoint,
  items: readonly Item[],
  run: (items: readonly Item[]) => (Result | Outcome)[],
): Promise<(Result | Outcome)[]> {
  const fault = await faults.before(point);
  if (fault?.kind !== "fail_entries") {
    return requestUnderFault(fault, point, () => run(items));
  }
  const failing = new Set(fault.indexes);
  const results = run(items.filter((_, index) => !failing.has(index)));
  let next = 0;
  return items.map((_, index) => {
    if (failing.has(index)) return { ok: false, error: fault.error };
    next += 1;
    return results[next - 1] as Result | Outcome;
  });
}

/** Makes one request with a fault. If the fault is undefined, the request is made normally. */
export async function requestUnderFault<Result>(
  fault: Fault | undefined,
  { operation, queue }: FaultPoint,
  run: () => Result | Promise<Result>,
): Promise<Result> {
  switch (fault?.kind) {
    case "error":
      throw fault.error;
    case "fail_entries":
      throw new DriverError(
        "permanent",
        `A ${operation} on queue "${queue}" has no entries that could fail.`,
      );
    case "lose_response":
      await run();
      throw new DriverError("ambiguous", `The answer to a ${operation} on queue "${queue}" was lost.`);
    case "stall":
      await fault.until;
      return run();
    default:
      return run();
  }
}
