import { Meter, options, report } from "../measure.ts";
import { type By, openClient } from "./clients.ts";

/** Handles a backlog. */
const { by, address, concurrency, warmUp, messages } = options() as {
  readonly by: By;
  readonly address: string;
  readonly concurrency: number;
  readonly warmUp: number;
  readonly messages: number;
};
const client = await openClient(by, address);
await client.fill(warmUp + messages);
const meter = new Meter({ warmUp, messages });
client.work(concurrency, () => meter.count());
report(await meter.done);
