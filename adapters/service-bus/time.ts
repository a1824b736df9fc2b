import { type Clock, DriverError, systemClock } from "../../src/driver/index.ts";

const UNITS = [86_400_000, 3_600_000, 60_000, 1_000] as const;

/**
 * The milliseconds of an ISO 8601 duration, which the administration interface uses.
 * @throws DriverError `permanent` if the text is no such duration
 */
export function durationMs(text: string): number {
  const match = /^P(?:([\d.]+)D)?(?:T(?:([\d.]+)H)?(?:([\d.]+)M)?(?:([\d.]+)S)?)?$/.exec(text);
  if (match === null) throw new DriverError("permanent", `"${text}" is not a duration.`);
  return UNITS.reduce((sum, unit, index) => sum + Number(match[index + 1] ?? 0) * unit, 0);
}

export function duration(ms: number): string {
  return `PT${ms / 1_000}S`;
}

/** Settles as `work` does, or rejects with an `ambiguous` error after `ms` milliseconds of the clock. */
export function within<T>(clock: Clock, ms: number, attempted: string, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.timer(ms, () =>
      reject(new DriverError("ambiguous", `${attempted} was not answered within ${ms} ms`)),
    );
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}

/**
 * Resolves when `work` has ended in any way, or after `ms` milliseconds. Used to close parts of the SDK, which waits for
 * a connection that is gone. It measures real time, since the SDK does.
 */
export async function endedWithin(ms: number, work: Promise<unknown>): Promise<void> {
  const { promise: timeout, resolve } = Promise.withResolvers<void>();
  const timer = systemClock.timer(ms, resolve, true);
  await Promise.race([work.catch(() => undefined), timeout]);
  timer.cancel();
}

/** Lock duration of one queue. */
export interface LockTime {
  readonly ms: number;
  /** False if `ms` is a guess. */
  readonly isKnown: boolean;
}

/**
 * The time at which a lock ends that was taken or renewed at `at`, in epoch milliseconds of this process's clock.
 *
 * Service Bus states the end by its own clock, which may differ. Its time is used only if the lock duration is not known
 * and its time is later than `at`. Then the earlier of the two times counts.
 */
export function lockedUntil(at: number, { ms, isKnown }: LockTime, lockedUntilUtc: Date | undefined): number {
  const computed = at + ms;
  const stated = lockedUntilUtc?.getTime();
  return isKnown || stated === undefined || stated <= at ? computed : Math.min(computed, stated);
}
