import { messageOf, startWorker } from "../job.ts";
import { inParallel, Meter, options, tell } from "../side.ts";
import { type At, openQueueport } from "./sdk.ts";

/** Sends by 50 callers at once, then receives and acknowledges all: for the requests that this takes. */
const { messages, ...at } = options() as At & { readonly messages: number };
// A worker that stops waits for its last poll to end, which finds nothing.
const queue = openQueueport(at, { waitSeconds: 1 });
await inParallel(messages, 50, (number) => queue.send("bench", messageOf(number)));
const meter = new Meter({ warmUp: 1, messages: messages - 1 });
const { worker } = startWorker(queue, 100, async () => meter.count());
const figures = await meter.done;
// Returns when the last acknowledgement was confirmed.
await worker.stop();
tell({ ...figures, messages });
