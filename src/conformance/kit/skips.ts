import type { Declared } from "../harness.ts";

/** Why a case that parks messages does not apply; undefined where it does. */
export function unlessParks({ limits }: Declared): string | undefined {
  if (limits.maxParkMs > 0) return undefined;
  return limits.nativeDelayMs === Number.POSITIVE_INFINITY
    ? "delays of any length are the provider's own"
    : "nothing can be parked";
}

/** The same for one that needs a delayed clone. */
export function unlessClones({ limits }: Declared): string | undefined {
  return limits.nativeDelayMs === 0 && limits.maxParkMs === 0
    ? "nothing can be delayed by a clone"
    : undefined;
}

/** The same for one that looks at attempts. */
export function unlessCounts({ traits }: Declared): string | undefined {
  return traits.countsDeliveries ? undefined : "deliveries are not counted";
}
