import { Consumer } from "sqs-consumer";
import type { Message } from "@aws-sdk/client-sqs";
import { type Payload, perform, type Work } from "../job.ts";
import { Meter, options, tell } from "../side.ts";
import { type At, sdkClient, urlOf } from "./sdk.ts";

/** Works off a backlog, as its readme shows: one handler a message, or one for all that a poll brought. */
const { pollers, batch, warmUp, messages, work, ...at } = options() as At & {
  readonly pollers: number;
  readonly batch: boolean;
  readonly warmUp: number;
  readonly messages: number;
  readonly work: Work;
};
const meter = new Meter(warmUp, messages);
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
tell(await (work === "none" ? meter.done : meter.during(1_500, 3_000)));
