import { sleep, systemClock } from "../../../src/driver/index.ts";

/** Milliseconds of a step. */
const STEP_MS = 2;
/** Time between two steps, as a multiple of the time of the last one. All steps together take a sixteenth of the time. */
const REST = 15;
/** Milliseconds after which no further step begins. A caller has a time limit, on a slow machine as well. */
const LONGEST_MS = 5_000;

/** The result of the steps so far, and whether there are no more. */
export interface Progress<Result> {
  readonly result: Result;
  readonly isComplete: boolean;
}

/**
 * Carries out a long piece of work in short steps with pauses, so that jobs go on beside it. In real time: the pauses follow
 * from the speed of the machine.
 *
 * @param step makes one step, which pauses at a time in milliseconds of `performance.now`
 * @param write makes a step in a transaction
 * @param isOver whether no further step is to begin
 */
export async function inPaces<Result>(
  step: (pauseAt: number) => Progress<Result>,
  write: <Outcome>(work: () => Outcome) => Promise<Outcome>,
  isOver: () => boolean,
): Promise<Progress<Result>> {
  const endsAt = performance.now() + LONGEST_MS;
  for (;;) {
    const { progress, tookMs } = await write(() => {
      const startedAt = performance.now();
      const made = step(startedAt + STEP_MS);
      return { progress: made, tookMs: performance.now() - startedAt };
    });
    if (progress.isComplete || performance.now() >= endsAt || isOver()) return progress;
    await sleep(systemClock, tookMs * REST);
  }
}
