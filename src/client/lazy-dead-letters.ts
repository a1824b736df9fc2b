import type { Connection } from "../transport/connection.ts";
import { loadReceive } from "./lazy-receive.ts";
import type { Sender } from "../send/sender.ts";
import type { DeadLetters } from "../queue/dead-letters.ts";

/** The dead letters of one queue; what reads them is loaded when they are first asked for. */
export function lazyDeadLetters(connection: Connection, sender: Sender, queue: string): DeadLetters {
  const ask = <Answer>(work: (letters: DeadLetters) => Promise<Answer>): Promise<Answer> =>
    loadReceive(({ DeadLetterQueue }) => work(new DeadLetterQueue(connection, sender, queue)));
  return {
    list: (options) => ask((letters) => letters.list(options)),
    groups: (options) => ask((letters) => letters.groups(options)),
    redrive: (options) => ask((letters) => letters.redrive(options)),
    discard: (options) => ask((letters) => letters.discard(options)),
  };
}
