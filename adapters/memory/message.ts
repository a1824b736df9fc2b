import type { Attributes, Body, Delivery, Timed } from "../../src/driver/index.ts";
import type { KeyQueue } from "./key-queues.ts";

/** A holder of leases: a source, which counts them. */
export interface Holder {
  /** The number of this holder's leases that are neither settled nor expired. */
  held: number;
}

/** The parts of a message that never change. */
export interface Content {
  readonly body: Body;
  readonly attributes: Attributes;
  readonly orderingKey: string | undefined;
  readonly native: unknown;
  readonly deadLetter: Delivery["deadLetter"];
}

/**
 * The place of a message in its queue. `blocked`: it waits behind another message of its ordering key. `gone`: it was
 * acknowledged, cancelled, moved or dropped.
 */
type State = "ready" | "blocked" | "leased" | "delayed" | "gone";

/** One message in one queue. */
export class StoredMessage implements Content, Timed {
  readonly body: Body;
  readonly attributes: Attributes;
  readonly orderingKey: string | undefined;
  readonly native: unknown;
  readonly deadLetter: Delivery["deadLetter"];
  readonly brokerId: string;
  readonly enqueuedAt: number;
  state: State = "ready";
  deliveries = 0;
  /** The latest lease, expired or not. A receipt with an earlier lease has lost it. */
  lease: Lease | undefined = undefined;
  /** The key queue of which this message is the head. */
  keyQueue: KeyQueue | undefined = undefined;
  /** The next message of the same key. */
  behind: StoredMessage | undefined = undefined;
  cancellable = false;
  at = 0;
  heapIndex = -1;

  constructor(
    { body, attributes, orderingKey, native, deadLetter }: Content,
    brokerId: string,
    enqueuedAt: number,
  ) {
    this.body = body;
    this.attributes = attributes;
    this.orderingKey = orderingKey;
    this.native = native;
    this.deadLetter = deadLetter;
    this.brokerId = brokerId;
    this.enqueuedAt = enqueuedAt;
  }
}

/** The lease of one delivery. It is the receipt that the core passes back. */
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
