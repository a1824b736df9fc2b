import { createClient } from "@redis/client";

/** Removes all keys that begin with a prefix from the server at an address. */
export async function removeRedisKeys(url: string, prefix: string): Promise<void> {
  const client = createClient({ url, RESP: 2 });
  client.on("error", () => {});
  await client.connect();
  for await (const keys of client.scanIterator({ MATCH: `${prefix}:*`, COUNT: 1_000 }))
    if (keys.length > 0) await client.unlink(keys);
  client.destroy();
}
