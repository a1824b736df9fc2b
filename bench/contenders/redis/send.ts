import { inParallel } from "../load.ts";
import { Meter, options, report } from "../measure.ts";
import { type By, openClient } from "./clients.ts";

/** Sends one job per call, with some calls in progress at a time. */
const { by, address, width, warmUp, messages } = options() as {
  readonly by: By;
  readonly address: string;
  readonly width: number;
  readonly warmUp: number;
  readonly messages: number;
};
const client = await openClient(by, address);
const meter = new Meter({ warmUp, messages });
await inParallel(warmUp + messages, width, async (number) => {
  await client.send(number);
  meter.count();
});
report(await meter.done);
