import { type Delivery, DriverError, type ErrorKind } from "../../src/driver/index.ts";
import type { FaultPoint } from "./faults.ts";
import type { DriverHost } from "./driver-host.ts";

const ERRORS: readonly ErrorKind[] = ["transient", "throttled", "permanent"];

type Failed = { readonly ok: false; readonly error: DriverError };

/**
 * Sends one request, with the faults that are due. A request that was sent reaches the broker even if its process dies
 * meanwhile. `excuse` is called if the fault may cause additional runs.
 */
export async function withFaults<Item, Result>(
  host: DriverHost,
  { step, entries }: Pick<FaultPoint, "step" | "entries">,
  detail: string,
  excuse: () => void,
  items: readonly Item[],
  run: (items: readonly Item[]) => Promise<Result[]>,
): Promise<(Result | Failed)[]> {
  if (host.dead.aborted) return host.halt();
  const before = host.reach({ step, side: "before", entries }, detail);
  if (host.dead.aborted) return host.halt();
  if (host.frozen !== undefined) await host.frozen;
  await host.world.latency();
  let results: (Result | Failed)[];
  if (before?.kind === "partial") {
    excuse();
    const failing = Math.floor(before.chance * items.length);
    const kind = ERRORS[Math.floor(before.chance * 997) % ERRORS.length] as ErrorKind;
    const passed: (Result | Failed)[] = await run(items.filter((_, index) => index !== failing));
    results = passed.toSpliced(failing, 0, { ok: false, error: new DriverError(kind, "this entry failed") });
  } else results = await run(items);
  const after = host.dead.aborted ? undefined : host.reach({ step, side: "after", entries }, detail);
  if (after?.kind === "lost") excuse();
  if (host.dead.aborted) return host.halt();
  await host.world.latency();
  if (host.frozen !== undefined) await host.frozen;
  if (host.dead.aborted) return host.halt();
  if (after?.kind === "lost") throw new DriverError("ambiguous", "the answer was lost");
  return results;
}

/** Converts the times of a delivery from the broker's clock to the clock of a process. */
export function translated(delivery: Delivery, skewMs: number): Delivery {
  return { ...delivery, leaseUntil: delivery.leaseUntil + skewMs };
}
