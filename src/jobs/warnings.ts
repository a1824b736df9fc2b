import type { Clock } from "../lib/clock.ts";

/** Reports a condition that an operator has to know about. */
export type Warn = (code: string, message: string) => void;

/** Time within which a warning of one code is not repeated. */
const QUIET_MS = 60_000;

/**
 * Creates a function that reports each code at most once a minute, to `listener`, or as a warning of the process. A
 * listener that throws is ignored, since a warning must not fail a job.
 */
export function warnings(clock: Clock, listener: Warn = warnProcess): Warn {
  const last = new Map<string, number>();
  return (code, message) => {
    const now = clock.monotonic();
    const before = last.get(code);
    if (before !== undefined && now - before < QUIET_MS) return;
    last.set(code, now);
    try {
      listener(code, message);
    } catch {
      // The listener is a part of the application. Its error has nowhere to go.
    }
  };
}

function warnProcess(code: string, message: string): void {
  process.emitWarning(message, { type: "QueueportWarning", code: `QUEUEPORT_${code.toUpperCase()}` });
}
