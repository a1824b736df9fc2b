let waiting: (() => void)[] = [];

/**
 * Calls `run` after the promise callbacks of this tick, before any new input is read. All callbacks of one tick run
 * together, so that their writes to a socket can share a packet.
 */
export function atEndOfTick(run: () => void): void {
  if (waiting.push(run) === 1) setImmediate(runAll);
}

function runAll(): void {
  const due = waiting;
  waiting = [];
  for (let index = 0; index < due.length; index += 1) {
    try {
      (due[index] as () => void)();
    } catch (error) {
      // Rethrown on its own, so that the other callbacks still run.
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
