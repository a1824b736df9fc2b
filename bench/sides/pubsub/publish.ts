import { createMetrics } from "../../../src/metrics/index.ts";
import { messageOf, payloadOf } from "../job.ts";
import { inParallel, Meter, options, tell } from "../side.ts";
import { type At, libraryClient, openQueueport } from "./clients.ts";

/** A message a call, a number of callers at once: by queueport, or by the library with its defaults. */
const { by, width, warmUp, messages, ...at } = options() as At & {
  readonly by: "queueport" | "library";
  readonly width: number;
  readonly warmUp: number;
  readonly messages: number;
};
const send = by === "queueport" ? byQueueport() : byLibrary();
const meter = new Meter({ warmUp, messages });
await inParallel(warmUp + messages, width, async (number) => {
  await send(number);
  meter.count();
});
tell(await meter.done);

function byQueueport(): (number: number) => Promise<unknown> {
  const queue = openQueueport(at);
  createMetrics({ only: queue });
  return (number) => queue.send("bench", messageOf(number));
}

function byLibrary(): (number: number) => Promise<unknown> {
  const topic = libraryClient(at).topic("bench");
  return (number) => {
    const json = { id: crypto.randomUUID(), type: "bench_job", payload: payloadOf(number) };
    return topic.publishMessage({ json, attributes: { type: "bench_job" } });
  };
}
