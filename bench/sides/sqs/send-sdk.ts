import { SendMessageCommand } from "@aws-sdk/client-sqs";
import { payloadOf } from "../job.ts";
import { inParallel, Meter, options, tell } from "../side.ts";
import { type At, sdkClient, urlOf } from "./sdk.ts";

/** One `SendMessage` for each message, a number of them at once. */
const { width, warmUp, messages, ...at } = options() as At & {
  readonly width: number;
  readonly warmUp: number;
  readonly messages: number;
};
const sqs = sdkClient(at);
const meter = new Meter({ warmUp, messages });
await inParallel(warmUp + messages, width, async (number) => {
  await sqs.send(new SendMessageCommand({ QueueUrl: urlOf(at), MessageBody: bodyOf(number) }));
  meter.count();
});
tell(await meter.done);

function bodyOf(number: number): string {
  return JSON.stringify({ id: crypto.randomUUID(), type: "bench_job", payload: payloadOf(number) });
}
