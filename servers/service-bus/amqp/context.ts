import type { Sender } from "rhea";
import type { Namespace } from "../broker/namespace.ts";
import type { Refusal } from "../broker/refusal.ts";
import type { Faults } from "../faults.ts";
import type { Counts } from "../stats.ts";
import type { Grant, Keys } from "../tokens.ts";

/** What every link of the server works with. */
export interface Context {
  readonly namespace: Namespace;
  readonly faults: Faults;
  readonly counts: Counts;
  readonly maxMessageBytes: number;
  readonly keys: Keys;
}

/** A link that serves one entity. */
export interface ServedLink {
  readonly path: string;
  /** Closes it, with the reason. */
  detach(refusal: Refusal): void;
  /** It was closed by its client, or else is lost: by a detach of ours, or with its connection. */
  closed(how: "closed" | "lost"): void;
}

/** One connection: its links, what its tokens are good for, and where requests to $cbs and $management are answered. */
export interface Peer {
  readonly grants: Map<string, Grant>;
  readonly links: Set<ServedLink>;
  readonly replies: Map<string, Sender>;
}
