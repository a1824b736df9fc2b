let waiting: (() => void)[] = [];

/**
 * Calls back once the promise callbacks of this tick have run, before anything new is read. All that is put off in one
 * tick is done in one go, so that what it writes to a socket can leave together.
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
      // It is its own failure: the others go on.
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
