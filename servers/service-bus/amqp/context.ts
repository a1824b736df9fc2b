import type { Sender } from "rhea";
import type { Namespace } from "../broker/namespace.ts";
import type { Refusal } from "../broker/refusal.ts";
import type { Faults } from "../faults.ts";
import type { Counts } from "../stats.ts";

/** What every link of the server works with. */
export interface Context {
  readonly namespace: Namespace;
  readonly faults: Faults;
  readonly counts: Counts;
  readonly maxMessageBytes: number;
}

/** A link that serves one entity. */
export interface ServedLink {
  readonly path: string;
  /** Closes it, with the reason. */
  detach(refusal: Refusal): void;
  /** It is closed, by whichever side, or its connection is gone. */
  closed(): void;
}

/** One connection: its links, and where requests to $cbs and $management are answered. */
export interface Peer {
  readonly links: Set<ServedLink>;
  readonly replies: Map<string, Sender>;
}
