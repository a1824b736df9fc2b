import { type Delivery, type OpenOptions, type WakingSource, wakingSource } from "../../src/driver/index.ts";
import type { RedisConnection } from "./connection/redis-connection.ts";
import type { Subscription } from "./connection/subscriber.ts";
import { channelOf, keysOf } from "./keys.ts";
import { unpack } from "./message.ts";
import { claimScript } from "./scripts/claim.ts";
import type { LocalSources } from "./local-sources.ts";
import { settleAll } from "./settle.ts";

export interface RedisSourceOptions extends OpenOptions {
  readonly queue: string;
  readonly connection: RedisConnection;
  readonly waitMs: number;
  readonly sources: LocalSources;
  /** The pauses between two claims of an idle queue. */
  readonly floorMs: { readonly from: number; readonly to: number };
}

/** Values of the script for each message. */
const FIELDS = 4;

/** Creates the source of one queue: claims, and the settlement of their messages. */
export function redisSource(options: RedisSourceOptions): WakingSource {
  const { queue, connection, sources, leaseMs, waitMs, floorMs } = options;
  const { prefix, clock } = connection;
  const keys = keysOf(prefix, queue);
  const channel = channelOf(prefix, queue);
  let keysFirst = false;
  let subscription: Subscription | undefined;
  const source = wakingSource({
    async claim(max) {
      // Before the claim: a message that arrives after it is heard of, or looked for when the channel is heard.
      subscription ??= connection.subscribe(channel, {
        onMessage: (dueInMs) => source.wake(Number(dueInMs)),
        onHears: () => source.wake(),
      });
      // In turn, so that messages without a key are not starved by those with one, nor the other way round.
      keysFirst = !keysFirst;
      const now = clock.now();
      const values = [channel, String(max), String(leaseMs), keysFirst ? "1" : "0"];
      const claimed = await connection.run(`receive from queue "${queue}"`, claimScript, keys, values);
      const [dueInMs, ...fields] = claimed as [number, ...unknown[]];
      return {
        deliveries: deliveriesOf(fields, now + leaseMs),
        dueInMs: dueInMs < 0 ? undefined : dueInMs,
      };
    },
    settle: (operations) => settleAll(connection, queue, operations),
    waitMs,
    floorMs,
    clock,
    async close() {
      sources.remove(queue, source);
      subscription?.close();
    },
  });
  sources.add(queue, source);
  return source;
}

function deliveriesOf(fields: readonly unknown[], leaseUntil: number): Delivery[] {
  const deliveries: Delivery[] = [];
  for (let at = 0; at < fields.length; at += FIELDS) {
    const [id, count, packed, keyQueue] = fields.slice(at, at + FIELDS) as [string, number, string, string];
    deliveries.push(unpack({ id, deliveries: count, keyQueue }, packed, leaseUntil));
  }
  return deliveries;
}
