import { Consumer } from "sqs-consumer";
import type { Message } from "@aws-sdk/client-sqs";
import { type Payload, perform, type Work } from "../job.ts";
import { type Count, Meter, options, type Span, tell } from "../side.ts";
import { type At, sdkClient, urlOf } from "./sdk.ts";

/** Works off a backlog, as its readme shows: one handler a message, or one for all that a poll brought. */
const { pollers, batch, work, extent, ...at } = options() as At & {
  readonly pollers: number;
  readonly batch: boolean;
  readonly work: Work;
  readonly extent: Count | Span;
};
const meter = new Meter(extent);
const sqs = sdkClient(at);

async function handle(message: Message): Promise<Message> {
  const { payload } = JSON.parse(message.Body ?? "") as { readonly payload: Payload };
  await perform(work, payload.number);
  meter.count();
  return message;
}

const how = batch
  ? { handleMessageBatch: (all: Message[]) => Promise.all(all.map(handle)) }
  : { handleMessage: handle };
for (let started = 0; started < pollers; started += 1) {
  Consumer.create({ queueUrl: urlOf(at), sqs, batchSize: 10, waitTimeSeconds: 20, ...how }).start();
}
tell(await meter.done);
