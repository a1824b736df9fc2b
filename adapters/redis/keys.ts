/** The keys of one queue. All of them have the same hash tag, and so one slot of a cluster. */
export interface QueueKeys {
  /** HASH: the settings, `ordered` and `dedup`. */
  readonly info: string;
  /** STRING: the last id. Begins with the time of the first message, so that no id comes back after a drop. */
  readonly counter: string;
  /** HASH: id → the packed message. */
  readonly messages: string;
  /** HASH: id → deliveries so far. It is the fence of a delivery. */
  readonly deliveries: string;
  /** LIST: ids that can be delivered. Levels of priority would each have one. */
  readonly ready: string;
  /** ZSET: id → due time. */
  readonly delayed: string;
  /** ZSET: id → end of the lease. */
  readonly leased: string;
  /** ZSET: `key queue:id`, all with the score 0: the messages with an ordering key, each key queue in its order. */
  readonly order: string;
  /** LIST: key queues whose first message can be delivered. */
  readonly keyReady: string;
  /** ZSET: key queue → the end of the last lease of its messages, or the due time of its first message. */
  readonly keyBlocked: string;
  /** ZSET: as `leased`, for messages with an ordering key. */
  readonly keyLeased: string;
  /** ZSET: as `delayed`, for messages with an ordering key. They stay in `order`. */
  readonly keyDelayed: string;
  /** ZSET: dedup id → the end of its window. */
  readonly seen: string;
  /** HASH: dedup id → the id of its message. */
  readonly seenIds: string;
}

/** The names of {@link QueueKeys}, in the order in which scripts get them. */
const KEY_NAMES = [
  "info",
  "counter",
  "messages",
  "deliveries",
  "ready",
  "delayed",
  "leased",
  "order",
  "keyReady",
  "keyBlocked",
  "keyLeased",
  "keyDelayed",
  "seen",
  "seenIds",
] as const satisfies readonly (keyof QueueKeys)[];

/** All keys of a queue, as scripts get them. */
export function keysOf(prefix: string, queue: string): string[] {
  // With a word before the name: a name that begins with "}" would leave the tag empty.
  return KEY_NAMES.map((name) => `${prefix}:{queue:${queue}}:${name}`);
}

/** The channel on which new messages of a queue are announced: milliseconds until the first of them is due. */
export function channelOf(prefix: string, queue: string): string {
  return `${prefix}:wake:${queue}`;
}

/** Lua: the keys as local names, such as `ready`. */
export const KEYS_AS_LOCALS: string = `local ${KEY_NAMES.map((name) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)).join(", ")} = unpack(KEYS)
`;
