import type { Connection } from "../transport/connection.ts";
import { loadReceive } from "./lazy-receive.ts";
import type { Sender } from "../send/sender.ts";
import type { DeadLetters } from "../queue/dead-letters.ts";

/** Returns the dead letters of one queue. The code that reads them is loaded with the first call. */
export function lazyDeadLetters(connection: Connection, sender: Sender, queue: string): DeadLetters {
  const load = <Result>(work: (deadLetters: DeadLetters) => Promise<Result>): Promise<Result> =>
    loadReceive(({ DeadLetterQueue }) => work(new DeadLetterQueue(connection, sender, queue)));
  return {
    list: (options) => load((deadLetters) => deadLetters.list(options)),
    groups: (options) => load((deadLetters) => deadLetters.groups(options)),
    redrive: (options) => load((deadLetters) => deadLetters.redrive(options)),
    discard: (options) => load((deadLetters) => deadLetters.discard(options)),
  };
}
