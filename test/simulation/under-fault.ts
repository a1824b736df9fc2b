import { type Delivery, DriverError, type ErrorKind } from "../../src/driver/index.ts";
import type { FaultPoint } from "./faults.ts";
import type { ViewHost } from "./view-host.ts";

const ERRORS: readonly ErrorKind[] = ["transient", "throttled", "permanent"];

type Failed = { readonly ok: false; readonly error: DriverError };

/**
 * Makes one request, with what goes wrong with it. Once under way it reaches the broker even where its process dies
 * meanwhile. `blame` is told where the fault may cost runs that nobody needed.
 */
export async function underFault<Item, Result>(
  host: ViewHost,
  { step, entries }: Pick<FaultPoint, "step" | "entries">,
  detail: string,
  blame: () => void,
  items: readonly Item[],
  run: (items: readonly Item[]) => Promise<Result[]>,
): Promise<(Result | Failed)[]> {
  if (host.dead.aborted) return host.grave();
  const before = host.meet({ step, side: "before", entries }, detail);
  if (host.dead.aborted) return host.grave();
  await host.world.latency();
  let results: (Result | Failed)[];
  if (before?.kind === "partial") {
    blame();
    const failing = Math.floor(before.chance * items.length);
    const kind = ERRORS[Math.floor(before.chance * 997) % ERRORS.length] as ErrorKind;
    const passed: (Result | Failed)[] = await run(items.filter((_, index) => index !== failing));
    results = passed.toSpliced(failing, 0, { ok: false, error: new DriverError(kind, "this entry failed") });
  } else results = await run(items);
  const after = host.dead.aborted ? undefined : host.meet({ step, side: "after", entries }, detail);
  if (after?.kind === "lost") blame();
  if (host.dead.aborted) return host.grave();
  await host.world.latency();
  if (host.dead.aborted) return host.grave();
  if (after?.kind === "lost") throw new DriverError("ambiguous", "the answer was lost");
  return results;
}

/** A delivery as it looks by its process's clock. */
export function translated(delivery: Delivery, skewMs: number): Delivery {
  return skewMs === 0 ? delivery : { ...delivery, leaseUntil: delivery.leaseUntil + skewMs };
}
