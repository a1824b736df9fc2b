/** What went over the wire since the start, or since `reset`. What serves tokens and management is counted apart. */
export interface ServiceBusServerStats {
  /** Transfers that clients sent: a message, or a batch of them, each. */
  readonly transfersIn: number;
  /** Messages in those transfers. */
  readonly messagesIn: number;
  /** Transfers to clients: a message each. */
  readonly transfersOut: number;
  /** Deliveries that clients settled, one by one, however many share a frame. */
  readonly settlements: number;
  readonly managementRequests: number;
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
