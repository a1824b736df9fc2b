import type { Session } from "rhea";
import type { Namespace } from "../broker/namespace.ts";
import type { Refusal } from "../broker/refusal.ts";
import type { Faults } from "../faults.ts";
import type { Counts } from "../stats.ts";
import type { Grant, Keys } from "../tokens.ts";
import type { ReplyLink } from "./requests.ts";
import type { LinkLimits } from "./session.ts";

/** Shared by all links of the server. */
export interface ServerContext {
  readonly namespace: Namespace;
  readonly faults: Faults;
  readonly counts: Counts;
  readonly maxMessageBytes: number;
  readonly keys: Keys;
}

/** A link that transfers messages of one entity. */
export interface EntityLink {
  readonly path: string;
  /** Closes the link with an error. */
  detach(refusal: Refusal): void;
  /** Called when the link has ended: `closed` by its client, or `lost` with its connection. */
  ended(how: "closed" | "lost"): void;
}

/** One connection of a client. */
export interface ClientConnection {
  /** Access that the client's tokens give, by path. */
  readonly grants: Map<string, Grant>;
  /** The links of the connection, each with its session. */
  readonly links: Map<EntityLink, Session>;
  /** Links for replies to `$cbs` and `$management` requests, by link name and by address. */
  readonly replyLinks: Map<string, ReplyLink>;
  readonly limits: LinkLimits;
}
