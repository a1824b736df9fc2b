import type { Attributes, Body, Delivery, Timed } from "../../src/driver/index.ts";
import type { Lane } from "./lanes.ts";

/** Who holds leases: a source, which counts them. */
export interface Holder {
  /** Leases of this holder that are neither settled nor expired. */
  held: number;
}

/** What a message is made of; it never changes. */
export interface Content {
  readonly body: Body;
  readonly attributes: Attributes;
  readonly orderingKey: string | undefined;
  readonly deadLetter: Delivery["deadLetter"];
}

/**
 * Where a message is in its queue. `blocked` waits behind another of its ordering key; `gone` was acknowledged,
 * cancelled, moved or dropped.
 */
type State = "ready" | "blocked" | "leased" | "delayed" | "gone";

/** One message in one queue. */
export class StoredMessage implements Content, Timed {
  readonly body: Body;
  readonly attributes: Attributes;
  readonly orderingKey: string | undefined;
  readonly deadLetter: Delivery["deadLetter"];
  readonly brokerId: string;
  readonly enqueuedAt: number;
  state: State = "ready";
  deliveries = 0;
  /** The last lease on it, expired or not: whoever has an earlier one has lost it. */
  lease: Lease | undefined = undefined;
  /** The lane that it is the head of. */
  lane: Lane | undefined = undefined;
  /** The next one of its lane. */
  behind: StoredMessage | undefined = undefined;
  cancellable = false;
  at = 0;
  heapIndex = -1;

  constructor({ body, attributes, orderingKey, deadLetter }: Content, brokerId: string, enqueuedAt: number) {
    this.body = body;
    this.attributes = attributes;
    this.orderingKey = orderingKey;
    this.deadLetter = deadLetter;
    this.brokerId = brokerId;
    this.enqueuedAt = enqueuedAt;
  }
}

/** One delivery's hold on a message; it is the receipt that the core passes back. */
export class Lease implements Timed {
  readonly message: StoredMessage;
  readonly holder: Holder;
  readonly receivedAt: number;
  at: number;
  heapIndex = -1;

  constructor(message: StoredMessage, holder: Holder, receivedAt: number, until: number) {
    this.message = message;
    this.holder = holder;
    this.receivedAt = receivedAt;
    this.at = until;
  }
}
