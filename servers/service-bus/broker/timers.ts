/** Node takes no longer timeout than this. */
const LONGEST_MS = 2_147_483_647;

/** Timers of one server, all of which end with it. They do not keep the process alive. */
export class Timers {
  readonly #running = new Set<() => void>();

  /** Runs once at `at`, in epoch milliseconds. Returns what cancels it. */
  at(at: number, run: () => void): () => void {
    let handle: NodeJS.Timeout;
    const cancel = (): void => {
      clearTimeout(handle);
      this.#running.delete(cancel);
    };
    const arm = (): void => {
      const leftMs = at - Date.now();
      if (leftMs <= 0) {
        this.#running.delete(cancel);
        run();
        return;
      }
      handle = setTimeout(arm, Math.min(leftMs, LONGEST_MS)).unref();
    };
    this.#running.add(cancel);
    handle = setTimeout(arm, Math.max(0, Math.min(at - Date.now(), LONGEST_MS))).unref();
    return cancel;
  }

  stop(): void {
    for (const cancel of this.#running) cancel();
  }
}
