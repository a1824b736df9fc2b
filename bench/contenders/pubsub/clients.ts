import { PubSub } from "@google-cloud/pubsub";
import { pubsub } from "../../../adapters/pubsub/index.ts";
import { createQueue, type Queue } from "../../../src/index.ts";
import { payloadOf } from "../job.ts";

/** The setting that every contender with a server receives. */
export interface At {
  /** Host and port of the gRPC stub. */
  readonly address: string;
}

process.env["METADATA_SERVER_DETECTION"] = "none";

/** Creates a client of Google's library with its defaults. */
export function libraryClient({ address }: At): PubSub {
  return new PubSub({ projectId: "bench", apiEndpoint: address, emulatorMode: true });
}

export function openQueueport({ address }: At): Queue {
  return createQueue(pubsub({ projectId: "bench", emulatorHost: address }));
}

/** Returns a function that publishes one message with Google's library. */
export function libraryPublisher(client: PubSub): (number: number) => Promise<unknown> {
  const topic = client.topic("bench");
  return (number) => {
    const json = { id: crypto.randomUUID(), type: "bench_job", payload: payloadOf(number) };
    return topic.publishMessage({ json, attributes: { type: "bench_job" } });
  };
}
