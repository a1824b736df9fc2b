import { QueueError } from "../errors.ts";
import { show } from "../lib/text.ts";
import type { SendOptions } from "../queue/queue.ts";
import type { Connection } from "../transport/connection.ts";
import { QueueSender, type SendTransaction } from "./queue-sender.ts";

/** The senders of the users' transactions, by the object of each, which the application drops after the commit. */
export class TransactionSenders {
  readonly #connection: Connection;
  readonly #transactions = new WeakMap<object, Transaction>();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  senderOf(handle: object, queue: string): QueueSender {
    let transaction = this.#transactions.get(handle);
    if (transaction === undefined) {
      transaction = new Transaction(handle);
      this.#transactions.set(handle, transaction);
    }
    return transaction.senderOf(queue, this.#connection);
  }
}

/**
 * One transaction. Its messages share one connection to the database, so their statements run one after the other, in the
 * order in which they were sent. They share no statement with messages outside of it.
 */
class Transaction implements SendTransaction {
  readonly handle: object;
  readonly #senders = new Map<string, QueueSender>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(handle: object) {
    this.handle = handle;
  }

  senderOf(queue: string, connection: Connection): QueueSender {
    let sender = this.#senders.get(queue);
    if (sender === undefined) {
      sender = new QueueSender(connection, queue, true, this);
      this.#senders.set(queue, sender);
    }
    return sender;
  }

  inTurn<T>(statement: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(statement);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}

/**
 * Returns the transaction of a send.
 * @throws QueueError `invalid_options` for a value that cannot be a transaction, such as its id
 */
export function transactionOf({ transaction }: SendOptions): object | undefined {
  if (transaction === undefined || typeof transaction === "function") return transaction;
  if (typeof transaction === "object" && transaction !== null) return transaction;
  throw new QueueError(
    "invalid_options",
    `transaction must be the client or the database object of a transaction; got ${show(transaction)}.`,
  );
}
