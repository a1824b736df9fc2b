import { inParallel } from "../load.ts";
import { type Count, Meter, options, report } from "../measure.ts";
import { type At, sender } from "./clients.ts";

/** Sends one message per call. */
const { width, warmUp, messages, ...at } = options() as At & Count & { readonly width: number };
const send = await sender(at);
const meter = new Meter({ warmUp, messages });
await inParallel(warmUp + messages, width, async (number) => {
  await send(number);
  meter.count();
});
report(await meter.done);
