import type { Connection } from "../transport/connection.ts";
import { loadReceive } from "./lazy-receive.ts";
import type { Sender } from "../send/sender.ts";
import type { DeadLetters } from "../queue/dead-letters.ts";

/** Runs an operation with a signal that also aborts when the connection ends. Rejects if it has ended. */
type Host = <T>(signal: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>) => Promise<T>;

/** Returns the dead letters of one queue. The code that reads them is loaded with the first call. */
export function lazyDeadLetters(
  connection: Connection,
  sender: Sender,
  queue: string,
  host: Host,
): DeadLetters {
  const load = async <Options extends { readonly signal?: AbortSignal | undefined }, Result>(
    options: Options,
    work: (deadLetters: DeadLetters, options: Options) => Promise<Result>,
  ): Promise<Result> =>
    host(options.signal, (signal) =>
      loadReceive(({ DeadLetterQueue }) =>
        work(new DeadLetterQueue(connection, sender, queue), { ...options, signal }),
      ),
    );
  return {
    list: (options = {}) => load(options, (deadLetters, all) => deadLetters.list(all)),
    groups: (options = {}) => load(options, (deadLetters, all) => deadLetters.groups(all)),
    redrive: (options = {}) => load(options, (deadLetters, all) => deadLetters.redrive(all)),
    discard: (options) => load(options, (deadLetters, all) => deadLetters.discard(all)),
  };
}
