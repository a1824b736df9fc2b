import { SendMessageCommand } from "@aws-sdk/client-sqs";
import { createMetrics } from "../../../src/metrics/index.ts";
import { messageOf, payloadOf } from "../job.ts";
import { after, options, percentiles, tell } from "../side.ts";
import { type At, openQueueport, sdkClient, urlOf } from "./sdk.ts";

/** How long one send takes while nothing else is going on: by queueport, or by the SDK. */
const { by, messages, warmUp, ...at } = options() as At & {
  readonly by: "queueport" | "sdk";
  readonly messages: number;
  readonly warmUp: number;
};
const send = by === "queueport" ? byQueueport() : bySdk();
const times: number[] = [];
for (let number = 0; number < warmUp + messages; number += 1) {
  const startedAt = performance.now();
  await send(number);
  if (number >= warmUp) times.push(performance.now() - startedAt);
  await after(1);
}
tell({ ...percentiles(times), messages: warmUp + messages });

function byQueueport(): (number: number) => Promise<unknown> {
  const queue = openQueueport(at);
  createMetrics({ only: queue });
  return (number) => queue.send("bench", messageOf(number));
}

function bySdk(): (number: number) => Promise<unknown> {
  const sqs = sdkClient(at);
  return (number) => {
    const body = JSON.stringify({ id: crypto.randomUUID(), type: "bench_job", payload: payloadOf(number) });
    return sqs.send(new SendMessageCommand({ QueueUrl: urlOf(at), MessageBody: body }));
  };
}
