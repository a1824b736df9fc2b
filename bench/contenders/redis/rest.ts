import { createClient } from "@redis/client";
import { after, options, report } from "../measure.ts";
import { type By, openClient } from "./clients.ts";

/** Counts the commands that an idle worker sends, in each second. */
const { by, address, ms } = options() as {
  readonly by: By;
  readonly address: string;
  readonly ms: number;
};
const server = createClient({ url: `redis://127.0.0.1:${address}` });
await server.connect();
(await openClient(by, address)).work(1, () => {});
await after(3_000);
const before = await calls();
await after(ms);
// Without the INFO of this process.
report({ requests: ((await calls()) - before - 1) / (ms / 1_000), messages: 0 });

/** The commands that clients have sent. A script counts as one command. */
async function calls(): Promise<number> {
  const stats = await server.info("commandstats");
  const own = /^cmdstat_(evalsha|eval|bzpopmin|brpoplpush|ping|info|blmove|xread)[|:].*?calls=(\d+)/gm;
  return [...stats.matchAll(own)].reduce((sum, [, , count]) => sum + Number(count), 0);
}
