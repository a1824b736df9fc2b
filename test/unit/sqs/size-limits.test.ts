import {
  CreateQueueCommand,
  GetQueueUrlCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sqs } from "../../../adapters/sqs/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import type { Driver } from "../../../src/driver/index.ts";
import { HttpProxy } from "../../support/proxy/http-proxy.ts";
import { clientOptions, type SqsServer, startFauxqsHere } from "../../support/sqs-server.ts";

const SPEC = { brokerMaxDeliveries: 15, leaseMs: 45_000 };
const never = new AbortController().signal;
let server: SqsServer;
let client: SQSClient;
let driver: Driver;

beforeAll(async () => {
  server = await startFauxqsHere();
  const { endpoint, region, credentials } = clientOptions(server);
  client = new SQSClient({ endpoint, region, credentials, maxAttempts: 1 } as object);
  driver = sqs({ client });
});
afterAll(async () => {
  client.destroy();
  await server.close();
});

function entriesOf(json: Readonly<Record<string, unknown>> | undefined): readonly unknown[] {
  return (json?.["Entries"] ?? []) as readonly unknown[];
}

describe("the size limit of a queue", () => {
  async function limitTo(queue: string, bytes: number): Promise<void> {
    const { QueueUrl } = await client.send(new GetQueueUrlCommand({ QueueName: queue }));
    const Attributes = { MaximumMessageSize: String(bytes) };
    await client.send(new SetQueueAttributesCommand({ QueueUrl, Attributes }));
  }

  test.each(["sized", "sized-dlq", "sized-delay"])(
    "counts, below that of SQS, for a message that could not be copied there: %s",
    async (limited) => {
      await driver.admin?.ensure("sized", SPEC);
      expect((await driver.describe("sized")).maxMessageBytes).toBeUndefined();
      await limitTo(limited, 65_536);
      expect((await driver.describe("sized")).maxMessageBytes).toBe(65_536);
      const queue = createQueue(driver);
      await expect(queue.send("sized", { type: "job", payload: "x".repeat(62_000) })).rejects.toMatchObject({
        code: "too_large",
        message: expect.stringContaining("takes 61440") as string,
      });
      await queue.send("sized", { type: "job", payload: "x".repeat(60_000) });

      const found = (await driver.admin?.plan?.("sized", SPEC)) ?? [];
      expect(found).toEqual([
        {
          kind: "change",
          resource: `queue ${limited}`,
          setting: "MaximumMessageSize",
          from: "65536",
          to: "1048576",
        },
      ]);
      await driver.admin?.ensure("sized", SPEC);
      expect(await driver.admin?.plan?.("sized", SPEC)).toEqual([]);
    },
  );

  test("is reported as too_large for the message alone if it was set after the queue was described", async () => {
    await driver.admin?.ensure("later", SPEC);
    await driver.describe("later");
    await limitTo("later", 1_024);
    const bodies = ["{}", JSON.stringify("x".repeat(2_000)), "[]"];
    const results = await driver.send(
      "later",
      bodies.map((body) => ({ body, attributes: {}, delayMs: 0 })),
      never,
    );
    expect(results.map((result) => (result.ok ? "ok" : result.error.kind))).toEqual([
      "ok",
      "too_large",
      "ok",
    ]);
  });

  test("is that of SQS if the dead-letter queue and the delay queue are missing", async () => {
    await client.send(new CreateQueueCommand({ QueueName: "lonely" }));
    expect((await driver.describe("lonely")).maxMessageBytes).toBeUndefined();
  });
});

test("messages that SQS finds too long together are sent in smaller requests, in their order", async () => {
  const { hostname, port } = new URL(server.endpoint);
  await using proxy = await HttpProxy.start({ host: hostname, port: Number(port) });
  const proxied = sqs({ ...clientOptions(proxy) });
  await proxied.admin?.ensure("together.fifo", { ...SPEC, ordering: "by_key" });
  proxy.on(
    { operation: "SendMessageBatch", where: ({ json }) => entriesOf(json).length > 2 },
    { kind: "answer", status: 400, code: "AWS.SimpleQueueService.BatchRequestTooLong" },
  );
  const bodies = ["1", "2", "3", "4", "5"];
  const messages = bodies.map((body) => ({ body, attributes: {}, delayMs: 0, orderingKey: "k" }));
  const results = await proxied.send("together.fifo", messages, never);
  expect(results.map(({ ok }) => ok)).toEqual([true, true, true, true, true]);
  const source = proxied.open("together.fifo", { prefetch: 10, leaseMs: 30_000 });
  const received: unknown[] = [];
  while (received.length < bodies.length) {
    const deliveries = await source.next(10, never);
    received.push(...deliveries.map(({ body }) => body));
    await source.settle(deliveries.map((delivery) => ({ kind: "ack", delivery })));
  }
  expect(received).toEqual(bodies);
  await source.stop();
  await proxied.close();
});
