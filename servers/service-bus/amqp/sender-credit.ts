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
      const wasDraining = this.#isDraining;
      this.#isDraining = this.#startsDrain();
      // The flow has ended a drain that was not answered yet.
      if (wasDraining && !this.#isDraining) send();
    });
    sender.on("sendable", send);
  }

  get left(): number {
    if (this.#isDraining || !this.#sender.is_open()) return 0;
    // rhea keeps unsettled messages in a ring, and ends the connection if the ring is full.
    return Math.min(creditOf(this.#sender).given - this.unwritten, roomOf(this.#sender));
  }

  /** True if the link takes nothing before the next flow. */
  get isUsedUp(): boolean {
    return creditOf(this.#sender).given - this.unwritten <= 0;
  }

  /** Messages that rhea has and has not written. */
  get unwritten(): number {
    return this.#sent - (creditOf(this.#sender).used - this.#drained);
  }

  /** To be called with each message that is given to rhea. */
  use(): void {
    this.#sent += 1;
  }
}
