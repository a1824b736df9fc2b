import assert from "node:assert/strict";
import type { DeadLetter } from "../../dead-letter/dead-letters.ts";
import type { Peer } from "./peer.ts";
import type { Stage } from "./stage.ts";

/** The dead letters of a queue, once there are `count` of them. */
export async function lettersOf(
  stage: Stage,
  peer: Peer,
  queue: string,
  count: number,
): Promise<DeadLetter[]> {
  const end = stage.now() + stage.timing.patienceMs;
  for (;;) {
    const letters = await stage.done("a look at the dead letters", peer.queue.deadLetters(queue).list());
    if (letters.length >= count || stage.now() >= end) {
      assert.equal(letters.length, count, `${count} dead letters`);
      return letters;
    }
    await stage.pass(stage.timing.unitMs / 10);
  }
}

/** The only dead letter of a queue. */
export async function letterOf(stage: Stage, peer: Peer, queue: string): Promise<DeadLetter> {
  const [letter] = await lettersOf(stage, peer, queue, 1);
  assert.ok(letter);
  return letter;
}
