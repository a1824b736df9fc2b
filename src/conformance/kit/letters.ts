import assert from "node:assert/strict";
import type { DeadLetter } from "../../queue/dead-letters.ts";
import { PermanentError } from "../../errors.ts";
import type { Handler } from "../../queue/queue.ts";
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

/** A queue with dead letters in it. */
export interface Dead {
  readonly queue: string;
  readonly peer: Peer;
  readonly ids: readonly string[];
}

/** A queue with so many dead letters, of the types `even` and `odd` in turn, and nobody who receives it. */
export async function withDeadLetters(
  stage: Stage,
  count: number,
  errorOf: (index: number) => string = () => "never",
): Promise<Dead> {
  const queue = await stage.makeQueue();
  const peer = await stage.connect();
  const ids = await stage.sendMany(peer, queue, count, (index) => ({
    type: index % 2 === 0 ? "even" : "odd",
  }));
  const never: Handler = async ({ id }) => {
    throw new PermanentError(errorOf(ids.indexOf(id)));
  };
  const receiving = peer.receive(queue, never, { concurrency: 2 });
  await lettersOf(stage, peer, queue, count);
  await stage.done("the receiver stops", receiving.stop());
  return { queue, peer, ids };
}
