import { sleep } from "../../lib/clock.ts";
import { newId } from "../../lib/ids.ts";
import type { DeadLetter } from "../../queue/dead-letters.ts";
import type { JobsContext } from "../context.ts";

/** The dead letters that a search has found. */
export interface FoundDeadLetters {
  /** The dead letters of the jobs, by job id. */
  readonly byId: ReadonlyMap<string, DeadLetter[]>;
  /** Whether no other dead letter was hidden, or none is needed. Without that, a job may have one that was not found. */
  readonly areAllSeen: boolean;
}

interface FindOptions {
  /** Whether the dead letters that were found so far are enough, so that no other one needs to be looked for. */
  readonly isEnough: (byId: ReadonlyMap<string, DeadLetter[]>) => boolean;
  /** Ends the search. */
  readonly signal: AbortSignal | undefined;
}

/** Looks before the search gives up. */
const MAX_LOOKS = 3;
/** Looks that have to agree at a provider that does not count dead letters. */
const UNCOUNTED_LOOKS = 2;
/** Shortest and longest pause between two looks. It differs, so that two processes do not go on looking at the same time. */
const MIN_PAUSE_MS = 20_000;
const MAX_PAUSE_MS = 60_000;

/**
 * Finds the dead letters of jobs. A look leases what it reads, so that a look of another process at the same time does not
 * see it: the number of dead letters that were seen is therefore compared with their count. If some are missing, or if the
 * provider does not count them, the search looks again after a pause.
 */
export async function findDeadLetters(
  { queue: managed, clock }: JobsContext,
  queue: string,
  ids: ReadonlySet<string>,
  { isEnough, signal }: FindOptions,
): Promise<FoundDeadLetters> {
  const byId = new Map<string, DeadLetter[]>();
  let uncounted = 0;
  for (let looks = 1; ; looks += 1) {
    const before = await managed.stats(queue);
    let seen = 0;
    await managed.deadLetters(queue).discard({
      dryRun: true,
      signal,
      where: (deadLetter) => {
        seen += 1;
        const { id } = deadLetter;
        if (ids.has(id)) byId.set(id, [...(byId.get(id) ?? []), deadLetter]);
        return false;
      },
    });
    if (isAborted(signal)) return { byId, areAllSeen: false };
    if (isEnough(byId)) return { byId, areAllSeen: true };
    const after = await managed.stats(queue);
    if (before.failed === undefined || after.failed === undefined) {
      uncounted += 1;
      if (uncounted === UNCOUNTED_LOOKS) return { byId, areAllSeen: true };
    } else if (seen >= Math.max(before.failed, after.failed)) {
      return { byId, areAllSeen: true };
    }
    if (looks === MAX_LOOKS) return { byId, areAllSeen: false };
    await sleep(clock, pauseMs(clock.now()), signal);
    if (isAborted(signal)) return { byId, areAllSeen: false };
  }
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

/** A random pause. The last digits of an id are random. */
function pauseMs(now: number): number {
  const chance = Number.parseInt(newId(now).slice(-6), 16) / 0x1_00_00_00;
  return MIN_PAUSE_MS + chance * (MAX_PAUSE_MS - MIN_PAUSE_MS);
}
