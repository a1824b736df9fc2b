import { SQSClient } from "@aws-sdk/client-sqs";
import { createQueue, type Queue } from "../../../src/index.ts";
import { sqs } from "../../../adapters/sqs/index.ts";

/** Where the stub is; every side is told. */
export interface At {
  readonly address: string;
}

const credentials = { accessKeyId: "bench", secretAccessKey: "bench" };

/** The SDK as it comes. */
export function sdkClient({ address }: At): SQSClient {
  return new SQSClient({ endpoint: address, region: "eu-west-1", credentials });
}

export function urlOf({ address }: At): string {
  return `${address}/000000000000/bench`;
}

export function openQueueport({ address }: At, options: { readonly waitSeconds?: number } = {}): Queue {
  return createQueue(sqs({ endpoint: address, region: "eu-west-1", credentials, ...options }));
}
