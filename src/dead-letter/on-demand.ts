import type { Connection } from "../connection.ts";
import { withConsuming } from "../load-consuming.ts";
import type { Sender } from "../send/sender.ts";
import type {
  DeadLetter,
  DeadLetterGroup,
  DeadLetters,
  DiscardOptions,
  GroupsOptions,
  ListOptions,
  RedriveOptions,
  RedriveResult,
} from "./dead-letters.ts";

/** The dead letters of one queue; what reads them is loaded when they are first asked for. */
export class DeadLettersOnDemand implements DeadLetters {
  readonly #connection: Connection;
  readonly #sender: Sender;
  readonly #queue: string;

  constructor(connection: Connection, sender: Sender, queue: string) {
    this.#connection = connection;
    this.#sender = sender;
    this.#queue = queue;
  }

  list(options?: ListOptions): Promise<DeadLetter[]> {
    return this.#with((letters) => letters.list(options));
  }

  groups(options?: GroupsOptions): Promise<DeadLetterGroup[]> {
    return this.#with((letters) => letters.groups(options));
  }

  redrive(options?: RedriveOptions): Promise<RedriveResult> {
    return this.#with((letters) => letters.redrive(options));
  }

  discard(options: DiscardOptions): Promise<number> {
    return this.#with((letters) => letters.discard(options));
  }

  #with<T>(work: (letters: DeadLetters) => Promise<T>): Promise<T> {
    return withConsuming(({ DeadLetterQueue }) =>
      work(new DeadLetterQueue(this.#connection, this.#sender, this.#queue)),
    );
  }
}
