import { type Clock, DriverError } from "../../src/driver/index.ts";

const UNITS = [86_400_000, 3_600_000, 60_000, 1_000] as const;

/** An ISO 8601 duration, as the administration interface writes it, in milliseconds. */
export function durationMs(text: string): number {
  const match = /^P(?:([\d.]+)D)?(?:T(?:([\d.]+)H)?(?:([\d.]+)M)?(?:([\d.]+)S)?)?$/.exec(text);
  if (match === null) throw new DriverError("permanent", `"${text}" is not a duration.`);
  return UNITS.reduce((sum, unit, index) => sum + Number(match[index + 1] ?? 0) * unit, 0);
}

export function duration(ms: number): string {
  return `PT${ms / 1_000}S`;
}

/** Settles as `work` does; rejects `ambiguous` where that takes longer than `ms`. */
export function within<T>(clock: Clock, ms: number, attempted: string, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.timer(ms, () =>
      reject(new DriverError("ambiguous", `${attempted} was not answered: not within ${ms} ms`)),
    );
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}

/** How long locks last on one queue, as far as that is known. */
export interface LockTime {
  readonly ms: number;
  readonly isKnown: boolean;
}

/**
 * When a lock that was taken or extended at `at` ends, by this process's clock. The service says it by its own: that
 * counts only where nothing better is known, and only where it makes sense here.
 */
export function lockedUntil(at: number, { ms, isKnown }: LockTime, said: Date | undefined): number {
  const guessed = at + ms;
  const told = said?.getTime();
  return isKnown || told === undefined || told <= at ? guessed : Math.min(guessed, told);
}
