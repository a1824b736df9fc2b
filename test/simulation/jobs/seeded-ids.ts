import { newId } from "../../../src/lib/ids.ts";
import { Prng } from "../prng.ts";

/** Ids that are drawn from the system at once, and a few more. */
const DRAWN = 1_100;

/**
 * Draws ids from a seed, so that a run repeats exactly: jobs of the same time are sorted by them. Returns a function that
 * lets them come from the system again.
 */
export function seedIds(seed: number): () => void {
  const random = new Prng(seed ^ 0x1b873593);
  const original = crypto.getRandomValues.bind(crypto);
  let isDrawn = false;
  crypto.getRandomValues = <T extends ArrayBufferView | null>(array: T): T => {
    const bytes = array as unknown as Uint8Array;
    for (let at = 0; at < bytes.length; at += 1) bytes[at] = random.int(0, 255);
    isDrawn = true;
    return array;
  };
  // Those that were drawn before are used up first.
  for (let count = 0; !isDrawn && count < DRAWN; count += 1) newId(0);
  return () => {
    crypto.getRandomValues = original;
  };
}
