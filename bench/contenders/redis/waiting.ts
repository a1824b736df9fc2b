import { createClient } from "@redis/client";
import { options, report } from "../measure.ts";
import { type By, openClient } from "./clients.ts";

const MIB = 1_048_576;

/** Measures the memory of the server that waiting jobs take. */
const { by, address, messages } = options() as {
  readonly by: By;
  readonly address: string;
  readonly messages: number;
};
const server = createClient({ url: `redis://127.0.0.1:${address}` });
await server.connect();
const client = await openClient(by, address);
// The first jobs create the scripts and the settings.
await client.fill(10);
const before = await used();
await client.fill(messages);
report({ mib: (await used()) - before, messages });

async function used(): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await server.info("memory"))?.[1]) / MIB;
}
