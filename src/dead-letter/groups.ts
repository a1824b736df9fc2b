import type { DeadLetter, DeadLetterGroup } from "../queue/dead-letters.ts";
import { normalisedError } from "../message/fingerprint.ts";

/** Maximum number of groups, which bounds the memory; further dead letters are counted in one group. */
const MOST_GROUPS = 1_000;
const OTHER = "other";

/** Groups dead letters that failed alike. One example of each group is kept, the others are counted. */
export class Groups {
  readonly #groups = new Map<string, DeadLetterGroup>();

  add(deadLetter: DeadLetter): void {
    const full = this.#groups.size >= MOST_GROUPS;
    const key = this.#groups.has(deadLetter.fingerprint) || !full ? deadLetter.fingerprint : OTHER;
    const group = this.#groups.get(key);
    const { at } = deadLetter.info;
    this.#groups.set(
      key,
      group === undefined
        ? {
            ...(key === OTHER ? ofOthers : kindOf(deadLetter)),
            count: 1,
            firstAt: at,
            lastAt: at,
            example: deadLetter,
          }
        : {
            ...group,
            count: group.count + 1,
            firstAt: at < group.firstAt ? at : group.firstAt,
            lastAt: at > group.lastAt ? at : group.lastAt,
          },
    );
  }

  /** The groups, the most frequent first; among equals, the latest first. */
  all(): DeadLetterGroup[] {
    return [...this.#groups.values()].toSorted(
      (one, other) => other.count - one.count || other.lastAt.getTime() - one.lastAt.getTime(),
    );
  }
}

type Kind = Omit<DeadLetterGroup, "count" | "firstAt" | "lastAt" | "example">;

const ofOthers: Kind = { fingerprint: OTHER, type: undefined, reason: OTHER, error: "", frame: undefined };

function kindOf({ fingerprint, message, info }: DeadLetter): Kind {
  const { reason, error, frame } = info;
  return { fingerprint, type: message?.type, reason, error: normalisedError(error), frame };
}
