import type { Sender } from "rhea";
import { confirmDrains, creditOf } from "./rhea.ts";
import { roomOf } from "./session.ts";

/** The messages that a link to a client can take now. */
export class SenderCredit {
  readonly #sender: Sender;
  readonly #startsDrain: () => boolean;
  /** Messages given to rhea, which subtracts them from the credit only when it writes them. */
  #sent = 0;
  /** Credit given back unused. AMQP adds it to the delivery count of the link. */
  #drained = 0;
  /** True from the start of a drain until the unused credit is given back. */
  #isDraining = false;

  /** @param send called when the link may take more messages: at each flow, and when its session has room again */
  constructor(sender: Sender, send: () => void) {
    this.#sender = sender;
    this.#startsDrain = confirmDrains(sender, (unused) => {
      this.#drained += unused;
      this.#isDraining = false;
    });
    sender.on("sender_flow", () => {
      send();
      this.#isDraining = this.#startsDrain();
    });
    sender.on("sendable", send);
  }

  get left(): number {
    if (this.#isDraining || !this.#sender.is_open()) return 0;
    const { given, used } = creditOf(this.#sender);
    // rhea keeps unsettled messages in a ring, and ends the connection if the ring is full.
    return Math.min(given - (this.#sent - (used - this.#drained)), roomOf(this.#sender));
  }

  /** To be called with each message that is given to rhea. */
  use(): void {
    this.#sent += 1;
  }
}
