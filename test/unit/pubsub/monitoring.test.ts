import { MetricServiceClient, protos as monitoring } from "@google-cloud/monitoring";
import { PubSub, protos as pubsubProtos } from "@google-cloud/pubsub";
import { afterEach, beforeEach, expect, test } from "vitest";
import { pubsub } from "../../../adapters/pubsub/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import type { Queue } from "../../../src/queue/queue.ts";
import { GrpcFailure, GrpcServer } from "../../support/grpc-server.ts";

const { ListTimeSeriesRequest, ListTimeSeriesResponse } = monitoring.google.monitoring.v3;
const { GetSubscriptionRequest, Subscription } = pubsubProtos.google.pubsub.v1;

/** A stub of Cloud Monitoring: the requests it got, and the counts it returns by subscription. */
const MINUTES_AGO = 4;
let asked: InstanceType<typeof ListTimeSeriesRequest>[];
let backlogs: Readonly<Record<string, number>>;
let failure: GrpcFailure | undefined;
let server: GrpcServer;
let client: MetricServiceClient;
let queue: Queue;

beforeEach(async () => {
  asked = [];
  failure = undefined;
  server = await GrpcServer.start({
    "Subscriber/GetSubscription": (request) => {
      const { subscription: name } = GetSubscriptionRequest.decode(request);
      return Subscription.encode({ name, topic: "projects/p/topics/jobs" }).finish();
    },
    "MetricService/ListTimeSeries": (request) => {
      if (failure !== undefined) throw failure;
      const query = ListTimeSeriesRequest.decode(request);
      asked.push(query);
      const id = /subscription_id = "([^"]+)"/.exec(query.filter)?.[1] ?? "";
      const int64Value = backlogs[id] ?? null;
      const seconds = Number(query.interval?.endTime?.seconds) - MINUTES_AGO * 60;
      const points = [
        { value: { int64Value }, interval: { endTime: { seconds } } },
        { value: { int64Value: 1 }, interval: { endTime: { seconds: seconds - 60 } } },
      ];
      return ListTimeSeriesResponse.encode({
        timeSeries: int64Value === null ? [] : [{ points }],
      }).finish();
    },
  });
  const emulatorHost = `127.0.0.1:${server.port}`;
  client = new MetricServiceClient(await inClearText(emulatorHost));
  queue = createQueue(pubsub({ projectId: "p", emulatorHost, monitoring: client }));
});
afterEach(async () => {
  await queue.close();
  await client.close();
  await server[Symbol.asyncDispose]();
});

/** A client for Monitoring on an unencrypted server. The library supports such a server only in its Pub/Sub client. */
async function inClearText(
  apiEndpoint: string,
): Promise<ConstructorParameters<typeof MetricServiceClient>[0]> {
  const sdk = new PubSub({ projectId: "p", apiEndpoint, emulatorMode: true });
  const { sslCreds, servicePath = "", port } = await sdk.getClientConfig();
  return {
    ...(sslCreds === undefined ? {} : { sslCreds }),
    servicePath,
    port: Number(port),
    projectId: "p",
    clientOptions: { universeDomain: "googleapis.com" },
  };
}

test("messages is the newest count of Cloud Monitoring, and asOf is its time", async () => {
  backlogs = { jobs: 1_234 };
  const { messages, inFlight, delayed, failed, approximate, asOf } = await queue.stats("jobs");
  expect({ messages, approximate }).toEqual({ messages: 1_234, approximate: true });
  expect([inFlight, delayed, failed]).toEqual([undefined, undefined, undefined]);
  const ageMs = Date.now() - asOf.getTime();
  expect(ageMs).toBeGreaterThanOrEqual(MINUTES_AGO * 60_000);
  expect(ageMs).toBeLessThan((MINUTES_AGO + 1) * 60_000);
  expect(asked.map(({ name }) => name)).toContain("projects/p");
  expect(asked[0]?.filter).toContain(
    'metric.type = "pubsub.googleapis.com/subscription/num_undelivered_messages"',
  );
});

test("messages is undefined if no count was written recently", async () => {
  backlogs = {};
  expect((await queue.stats("jobs")).messages).toBeUndefined();
});

test("the error of a denied read names the missing permission", async () => {
  failure = new GrpcFailure(7, "caller lacks permission");
  await expect(queue.stats("jobs")).rejects.toMatchObject({
    code: "auth",
    message: expect.stringContaining("monitoring.timeSeries.list"),
  });
});

test("an injected metric client is left open by close", async () => {
  backlogs = { jobs: 7 };
  await queue.close();
  const again = createQueue(
    pubsub({ projectId: "p", emulatorHost: `127.0.0.1:${server.port}`, monitoring: client }),
  );
  expect((await again.stats("jobs")).messages).toBe(7);
  await again.close();
});
