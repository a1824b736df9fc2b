import type { Connection } from "../transport/connection.ts";
import { loadReceive } from "./lazy-receive.ts";
import type { Sender } from "../send/sender.ts";
import { checkKeys, type KnownKeys } from "../errors.ts";
import { discardKeys, groupsKeys, listKeys, redriveKeys } from "./option-keys.ts";
import type { DeadLetters } from "../queue/dead-letters.ts";

interface Host {
  /** Runs an operation with a signal that also aborts when the connection ends. Rejects if it has ended. */
  readonly run: <T>(signal: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>) => Promise<T>;
  /** Checks another queue that an operation uses. @throws QueueError `invalid_options` if it must not be used */
  readonly use: (queue: string) => void;
}

/** Returns the dead letters of one queue. The code that reads them is loaded with the first call. */
export function lazyDeadLetters(
  connection: Connection,
  sender: Sender,
  queue: string,
  host: Host,
): DeadLetters {
  const load = async <Options extends { readonly signal?: AbortSignal | undefined }, Result>(
    method: string,
    options: Options,
    known: KnownKeys<Options>,
    work: (deadLetters: DeadLetters, options: Options) => Promise<Result>,
  ): Promise<Result> => {
    checkKeys(`deadLetters.${method}`, options, known);
    return host.run(options.signal, (signal) =>
      loadReceive(({ DeadLetterQueue }) =>
        work(new DeadLetterQueue(connection, sender, queue), { ...options, signal }),
      ),
    );
  };
  return {
    list: (options = {}) => load("list", options, listKeys, (deadLetters, all) => deadLetters.list(all)),
    groups: (options = {}) =>
      load("groups", options, groupsKeys, (deadLetters, all) => deadLetters.groups(all)),
    redrive: async (options = {}) => {
      if (options.to !== undefined) host.use(options.to);
      return load("redrive", options, redriveKeys, (deadLetters, all) => deadLetters.redrive(all));
    },
    discard: (options) =>
      load("discard", options, discardKeys, (deadLetters, all) => deadLetters.discard(all)),
  };
}
