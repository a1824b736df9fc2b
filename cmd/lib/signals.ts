import { readFileSync } from "node:fs";
import { constants } from "node:os";

/** npm forwards a SIGINT that its script already received from the terminal, so one key press arrives twice. */
const ECHO_MS = 100;

/** Milliseconds between two looks at whether npm has ended. */
const PARENT_CHECK_MS = 500;

/** Whether npm started this process: `npm run` or `npx`. */
function isUnderNpm(): boolean {
  return process.env["npm_lifecycle_event"] !== undefined || process.env["npm_command"] !== undefined;
}

/**
 * The process ids of the parent, and of its parent if the parent is a shell: one stays between npm and this process for a
 * script such as `queueport worker && echo done`. Only Linux shows the second.
 */
function ancestors(): string {
  const parent = process.ppid;
  try {
    // The fields are the id, the name in parentheses, the state, and the parent: proc_pid_stat(5).
    const [, name = "", grandparent = ""] =
      /\((.*)\) \S (\d+)/s.exec(readFileSync(`/proc/${parent}/stat`, "utf8")) ?? [];
    return /^(?:ba|da|a|z)?sh$/.test(name) ? `${parent} ${grandparent}` : String(parent);
  } catch {
    return String(parent);
  }
}

/** Thrown by a command that a signal ended early. The message states what was not done. */
export class Interrupted extends Error {
  override readonly name: string = "Interrupted";
}

/** The means to end a command early. */
export interface Interrupt extends Disposable {
  /** Aborts on the first SIGTERM or SIGINT, or when {@link stop} is called. */
  readonly signal: AbortSignal;
  readonly stop: (reason: unknown) => void;
}

/**
 * Calls `first` on the first SIGTERM or SIGINT. The second one exits immediately with 128 plus its number. npm ends on a
 * SIGTERM and does not forward it, so the end of npm counts as a SIGTERM: the command would run on without a parent.
 */
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
    if (name === "SIGINT" && isUnderNpm() && performance.now() - firstAt < ECHO_MS) return;
    process.exit(128 + constants.signals[name]);
  };
  for (const name of names) process.on(name, listener);
  const before = isUnderNpm() ? ancestors() : "";
  const onOrphaned = (): void => {
    if (ancestors() === before) return;
    clearInterval(watching);
    if (firstAt === undefined) listener("SIGTERM");
  };
  const watching = isUnderNpm() ? setInterval(onOrphaned, PARENT_CHECK_MS).unref() : undefined;
  return {
    signal: controller.signal,
    stop: (reason) => controller.abort(reason),
    [Symbol.dispose](): void {
      clearInterval(watching);
      for (const name of names) process.off(name, listener);
    },
  };
}
