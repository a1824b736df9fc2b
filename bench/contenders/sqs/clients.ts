import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { sqs } from "../../../adapters/sqs/index.ts";
import { createQueue, type Queue } from "../../../src/index.ts";
import { createMetrics } from "../../../src/metrics/index.ts";
import { messageOf, payloadOf } from "../job.ts";

/** The setting that every contender with a server receives. */
export interface At {
  /** URL of the stub server. */
  readonly address: string;
}

const credentials = { accessKeyId: "bench", secretAccessKey: "bench" };

/** Creates an SDK client with its defaults. */
export function sdkClient({ address }: At): SQSClient {
  return new SQSClient({ endpoint: address, region: "eu-west-1", credentials });
}

export function urlOf({ address }: At): string {
  return `${address}/000000000000/bench`;
}

export function openQueueport({ address }: At, options: { readonly waitSeconds?: number } = {}): Queue {
  return createQueue(sqs({ endpoint: address, region: "eu-west-1", credentials, ...options }));
}

/** Sends one message by a call of its own. */
export type Send = (number: number) => Promise<unknown>;

export function sender(by: "queueport" | "sdk", at: At): Send {
  return by === "sdk" ? sdkSender(at) : queueportSender(at);
}

function queueportSender(at: At): Send {
  const queue = openQueueport(at);
  createMetrics({ only: queue });
  return (number) => queue.send("bench", messageOf(number));
}

export function sdkSender(at: At): Send {
  const client = sdkClient(at);
  return (number) => {
    const body = JSON.stringify({ id: crypto.randomUUID(), type: "bench_job", payload: payloadOf(number) });
    return client.send(new SendMessageCommand({ QueueUrl: urlOf(at), MessageBody: body }));
  };
}
