import { inParallel } from "../load.ts";
import { Meter, options, report } from "../measure.ts";
import { type By, newFile, openClient } from "./clients.ts";

/** Sends one job per call, with some calls in progress at a time. */
const { by, synchronous, width, warmUp, messages } = options() as {
  readonly by: By;
  readonly synchronous: "full" | "normal";
  readonly width: number;
  readonly warmUp: number;
  readonly messages: number;
};
const client = openClient(by, synchronous, newFile());
const meter = new Meter({ warmUp, messages });
await inParallel(warmUp + messages, width, async (number) => {
  await client.send(number);
  meter.count();
});
report(await meter.done);
