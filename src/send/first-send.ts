import type { SendEvent } from "../diagnostics.ts";
import { isQueueError } from "../errors.ts";
import type { SendReceipt } from "../queue/queue.ts";
import type { Accepted, SendListener } from "./request.ts";
import type { Prepared } from "./prepare.ts";

/** A user's own send, once it is on its way: tells how it ended, and then its promise. */
export class FirstSend implements SendListener {
  readonly queue: string;
  readonly prepared: Prepared;
  readonly #ended: (send: FirstSend, outcome: SendEvent["outcome"]) => void;
  readonly #resolve: (receipt: SendReceipt) => void;
  readonly #reject: (error: unknown) => void;

  constructor(
    queue: string,
    prepared: Prepared,
    ended: (send: FirstSend, outcome: SendEvent["outcome"]) => void,
    resolve: (receipt: SendReceipt) => void,
    reject: (error: unknown) => void,
  ) {
    this.queue = queue;
    this.prepared = prepared;
    this.#ended = ended;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  accepted({ handle }: Accepted): void {
    const { id } = this.prepared.message;
    this.#ended(this, "sent");
    this.#resolve(handle === undefined ? { id } : { id, handle });
  }

  refused(error: unknown): void {
    this.#ended(this, isQueueError(error, "send_unknown") ? "unknown" : "failed");
    this.#reject(error);
  }
}
