import type { Declared, Harness } from "../harness.ts";

/** Why a case that parks messages does not apply; undefined where it does. */
export function unlessParks({ limits }: Declared): string | undefined {
  if (limits.maxHopMs > 0) return undefined;
  return limits.nativeDelayMs === Number.POSITIVE_INFINITY
    ? "delays of any length are the provider's own"
    : "nothing can be parked";
}

/** The same for one that is as true of a delay store. */
export function unlessWaits(declared: Declared, { openDelayStore }: Harness): string | undefined {
  return openDelayStore === undefined ? unlessParks(declared) : undefined;
}

/** The same for one that looks at how messages are parked. */
export function unlessOnlyParks(declared: Declared, { openDelayStore }: Harness): string | undefined {
  return openDelayStore === undefined ? unlessParks(declared) : "delayed messages wait in a delay store";
}

/** The same for one that needs a delayed clone. */
export function unlessClones(declared: Declared, harness: Harness): string | undefined {
  const { limits } = declared;
  if (harness.openDelayStore !== undefined) return undefined;
  return limits.nativeDelayMs === 0 && limits.maxHopMs === 0
    ? "nothing can be delayed by a clone"
    : undefined;
}

/** The same for one that looks at attempts. */
export function unlessCounts({ traits }: Declared): string | undefined {
  return traits.countsDeliveries ? undefined : "deliveries are not counted";
}
