/** Traffic since the start or the last `resetStats`. Links, transfers and settlements count for queues only. */
export interface ServiceBusServerStats {
  /** Transfers that clients have sent. Each is one message or one batch. */
  readonly transfersIn: number;
  /** Messages in those transfers and in schedule requests. */
  readonly messagesIn: number;
  /** Transfers to clients. Each is one message. */
  readonly transfersOut: number;
  /** Deliveries that clients have settled. A frame that settles several deliveries counts once per delivery. */
  readonly settlements: number;
  /** Requests to `$management` nodes, such as a lock renewal. */
  readonly managementRequests: number;
  /** Tokens that clients have sent to `$cbs`. */
  readonly tokenRequests: number;
  readonly linksAttached: number;
  readonly connections: number;
}

export type Counts = { -readonly [K in keyof ServiceBusServerStats]: number };

export function noCounts(): Counts {
  return {
    transfersIn: 0,
    messagesIn: 0,
    transfersOut: 0,
    settlements: 0,
    managementRequests: 0,
    tokenRequests: 0,
    linksAttached: 0,
    connections: 0,
  };
}
