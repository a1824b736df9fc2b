/** Longest text for which a similar one is looked for. */
const MAX_LENGTH = 80;

/** Returns the one of `known` that differs least from `given`, if few characters differ: a probable misspelling. */
export function closest(given: string, known: readonly string[]): string | undefined {
  if (given.length > MAX_LENGTH) return undefined;
  let best: string | undefined;
  let least = Math.max(2, Math.floor(given.length / 3)) + 1;
  for (const name of known) {
    if (Math.abs(name.length - given.length) >= least) continue;
    const distance = editDistance(given.toLowerCase(), name.toLowerCase());
    if (distance >= least) continue;
    least = distance;
    best = name;
  }
  return best;
}

/** The end of a sentence about an unknown word: the word that was probably meant, or the ones that are known. */
export function suggestion(
  given: unknown,
  known: readonly string[],
  listed: readonly string[] = known,
): string {
  const near = typeof given === "string" ? closest(given, known) : undefined;
  return near === undefined ? `known: ${listed.join(", ")}.` : `did you mean ${near}?`;
}

/** The number of characters to insert, remove or replace (Levenshtein). */
function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let from = 1; from <= one.length; from += 1) {
    const next = [from];
    for (let to = 1; to <= other.length; to += 1) {
      const replaced = (row[to - 1] as number) + (one[from - 1] === other[to - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[to] as number) + 1, (next[to - 1] as number) + 1));
    }
    row = next;
  }
  return row[other.length] as number;
}
