import type { Source } from "../driver/contract.ts";
import type { QueueTraits } from "../driver/limits.ts";
import type { Tracker } from "../queue/tracker.ts";
import type { Sender } from "../send/sender.ts";
import type { Connection } from "../transport/connection.ts";
import type { LeaseKeeper } from "../transport/lease-keeper.ts";
import type { Settler } from "../transport/settler.ts";
import type { Attempts } from "./attempts.ts";
import type { Capacity } from "./capacity.ts";
import type { ReceiveSettings } from "./options.ts";
import type { Reporter } from "./reporter.ts";

/** The objects that all parts of one receiver share. */
export interface ReceiverContext {
  readonly queue: string;
  readonly traits: QueueTraits;
  readonly settings: ReceiveSettings;
  readonly connection: Connection;
  readonly sender: Sender;
  readonly source: Source;
  readonly leases: LeaseKeeper;
  readonly settler: Settler;
  readonly capacity: Capacity;
  readonly attempts: Attempts;
  readonly reporter: Reporter;
  /** Undefined if nothing is tracked, as by default. */
  readonly tracker: Tracker | undefined;
}
