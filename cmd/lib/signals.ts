import { constants } from "node:os";

/** npm passes an interrupt on to its script, which has had it from the terminal: two of them, for one key press. */
const ECHO_MS = 100;

/** Somebody ended a command before it was done; its sentence says what became of the rest. */
export class Interrupted extends Error {
  override readonly name: string = "Interrupted";
}

/** What ends a command before its time. */
export interface Interrupt extends Disposable {
  /** Aborts on the first SIGTERM or SIGINT, or by {@link stop}. */
  readonly signal: AbortSignal;
  readonly stop: (reason: unknown) => void;
}

/** Tells `first` of the first SIGTERM or SIGINT; exits at once on the second, with 128 plus its number. */
export function onSignals(first: (name: NodeJS.Signals) => void = () => {}): Interrupt {
  const names = ["SIGTERM", "SIGINT"] as const;
  const controller = new AbortController();
  let firstAt: number | undefined;
  const listener = (name: NodeJS.Signals): void => {
    if (firstAt === undefined) {
      firstAt = performance.now();
      first(name);
      controller.abort(new Error(`${name} was received`));
      return;
    }
    const underNpm = process.env["npm_lifecycle_event"] !== undefined;
    if (name === "SIGINT" && underNpm && performance.now() - firstAt < ECHO_MS) return;
    process.exit(128 + constants.signals[name]);
  };
  for (const name of names) process.on(name, listener);
  return {
    signal: controller.signal,
    stop: (reason) => controller.abort(reason),
    [Symbol.dispose](): void {
      for (const name of names) process.off(name, listener);
    },
  };
}
