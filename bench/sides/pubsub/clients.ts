import { PubSub } from "@google-cloud/pubsub";
import { pubsub } from "../../../adapters/pubsub/index.ts";
import { createQueue, type Queue } from "../../../src/index.ts";

export interface At {
  readonly address: string;
}

process.env["METADATA_SERVER_DETECTION"] = "none";

/** Google's library as it comes. */
export function libraryClient({ address }: At): PubSub {
  return new PubSub({ projectId: "bench", apiEndpoint: address, emulatorMode: true });
}

export function openQueueport({ address }: At): Queue {
  return createQueue(pubsub({ projectId: "bench", emulatorHost: address }));
}
