import { Meter, options, report } from "../measure.ts";
import { type By, newFile, openClient } from "./clients.ts";

/** Handles a backlog. */
const { by, synchronous, warmUp, messages } = options() as {
  readonly by: By;
  readonly synchronous: "full" | "normal";
  readonly warmUp: number;
  readonly messages: number;
};
const client = openClient(by, synchronous, newFile());
await client.fill(warmUp + messages);
const meter = new Meter({ warmUp, messages });
client.work(() => meter.count());
report(await meter.done);
