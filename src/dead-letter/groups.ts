import type { DeadLetter, DeadLetterGroup } from "../queue/dead-letters.ts";
import { normalisedError } from "../message/fingerprint.ts";

/** Groups that are told apart. However many dead letters there are and however they differ, memory stays bounded. */
const MOST_GROUPS = 1_000;
const OTHER = "other";

/** Dead letters, told together where they failed alike. Of each group one example is kept, the others are counted. */
export class Groups {
  readonly #groups = new Map<string, DeadLetterGroup>();

  add(letter: DeadLetter): void {
    const full = this.#groups.size >= MOST_GROUPS;
    const key = this.#groups.has(letter.fingerprint) || !full ? letter.fingerprint : OTHER;
    const group = this.#groups.get(key);
    const { at } = letter.info;
    this.#groups.set(
      key,
      group === undefined
        ? {
            ...(key === OTHER ? ofOthers : kindOf(letter)),
            count: 1,
            firstAt: at,
            lastAt: at,
            example: letter,
          }
        : {
            ...group,
            count: group.count + 1,
            firstAt: at < group.firstAt ? at : group.firstAt,
            lastAt: at > group.lastAt ? at : group.lastAt,
          },
    );
  }

  /** The most frequent first, and of those the latest. */
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
