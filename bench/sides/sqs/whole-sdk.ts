import { DeleteMessageCommand, ReceiveMessageCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { payloadOf } from "../job.ts";
import { inParallel, Meter, options, tell } from "../side.ts";
import { type At, sdkClient, urlOf } from "./sdk.ts";

/** The way it is most often written: one request to send a message, one to delete it, and ten in a receive. */
const { messages, ...at } = options() as At & { readonly messages: number };
const sqs = sdkClient(at);
const QueueUrl = urlOf(at);
await inParallel(messages, 50, (number) =>
  sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(payloadOf(number)) })),
);
const meter = new Meter({ warmUp: 1, messages: messages - 1 });
for (let handled = 0; handled < messages;) {
  const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }));
  for (const { ReceiptHandle } of Messages) {
    await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
    meter.count();
  }
  handled += Messages.length;
}
tell({ ...(await meter.done), messages });
