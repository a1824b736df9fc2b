import { type Backoff, checkBackoff, defaultBackoff, mergeBackoff } from "../backoff.ts";
import { defaults } from "../defaults.ts";
import type { Limits, QueueTraits } from "../driver/limits.ts";
import { QueueError } from "../errors.ts";
import type { ReceiveOptions } from "../queue/receive.ts";
import { optionalMs } from "../lib/duration.ts";
import { show } from "../lib/text.ts";

/** Receive options with every default filled in, adapted to the lease that the queue prescribes. Times in milliseconds. */
export interface ReceiveSettings {
  readonly concurrency: number;
  readonly leaseMs: number;
  readonly extendEveryMs: number;
  readonly backoff: Backoff;
  readonly drainMs: number;
  readonly graceMs: number;
}

/**
 * Fills in the defaults.
 * @throws QueueError `invalid_options`
 */
export function receiveSettings(
  queue: string,
  options: ReceiveOptions,
  base: Backoff = defaultBackoff,
): ReceiveSettings {
  const { concurrency = defaults.concurrency } = options;
  const leaseMs = optionalMs(options.leaseMs) ?? defaults.leaseMs;
  const drainMs = optionalMs(options.drainMs) ?? defaults.drainMs;
  const graceMs = optionalMs(options.graceMs) ?? defaults.graceMs;
  const extendEveryMs = optionalMs(options.extendEveryMs) ?? Math.min(defaults.extendEveryMs, leaseMs / 3);
  const refuse = (field: string, expected: string, got: unknown): never => {
    throw new QueueError(
      "invalid_options",
      `receive("${queue}"): ${field} must be ${expected}; got ${show(got)}.`,
      { queue },
    );
  };
  if (!Number.isSafeInteger(concurrency) || concurrency < 1)
    refuse("concurrency", "a whole number, 1 or more", concurrency);
  if (!(Number.isFinite(leaseMs) && leaseMs > 0))
    refuse("leaseMs", "a finite duration, more than 0 milliseconds", options.leaseMs);
  if (!(extendEveryMs > 0 && extendEveryMs < leaseMs))
    refuse(
      "extendEveryMs",
      `a duration, more than 0 and less than leaseMs (${leaseMs})`,
      options.extendEveryMs,
    );
  if (!(drainMs >= 0)) refuse("drainMs", "a duration, 0 or more milliseconds", options.drainMs);
  if (!(graceMs >= 0)) refuse("graceMs", "a duration, 0 or more milliseconds", options.graceMs);
  if (options.backoff !== undefined) checkBackoff(options.backoff, `receive("${queue}")`);
  return {
    concurrency,
    leaseMs,
    extendEveryMs,
    backoff: mergeBackoff(base, options.backoff),
    drainMs,
    graceMs,
  };
}

/**
 * Adapts the lease to the queue. A lease that the queue prescribes wins; it is extended after a third of it at the latest.
 * @throws QueueError `invalid_options` if the lease is too long for the provider, or extended too late
 */
export function agreeLease(
  queue: string,
  settings: ReceiveSettings,
  traits: QueueTraits,
  limits: Limits,
): ReceiveSettings {
  const leaseMs = traits.fixedLeaseMs ?? settings.leaseMs;
  if (leaseMs > limits.maxLeaseMs) {
    throw new QueueError(
      "invalid_options",
      `receive("${queue}"): a lease lasts at most ${limits.maxLeaseMs} ms here; got ${leaseMs}.`,
      { queue },
    );
  }
  // At most half, since an extension that is due just after a sweep waits for the next one, and a failed one needs time for another.
  if (traits.fixedLeaseMs === undefined && settings.extendEveryMs > leaseMs / 2) {
    throw new QueueError(
      "invalid_options",
      `receive("${queue}"): extendEveryMs is at most half of leaseMs (${leaseMs}), or leases end before they are extended; got ${settings.extendEveryMs}.`,
      { queue },
    );
  }
  const extendEveryMs =
    traits.fixedLeaseMs === undefined
      ? settings.extendEveryMs
      : Math.min(settings.extendEveryMs, leaseMs / 3);
  return { ...settings, leaseMs, extendEveryMs };
}
