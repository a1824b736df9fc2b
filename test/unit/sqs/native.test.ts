import {
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sqs } from "../../../adapters/sqs/index.ts";
import type { Delivery, Driver } from "../../../src/driver/index.ts";
import { requeueCopy } from "../../../src/message/requeue.ts";
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

test("a copy of a foreign message keeps the types of its attributes, and an attribute that has changed is text", async () => {
  await driver.admin?.ensure("typed", SPEC);
  const { QueueUrl } = await client.send(new GetQueueUrlCommand({ QueueName: "typed" }));
  const attributes = {
    count: { DataType: "Number", StringValue: "5" },
    price: { DataType: "Number.euro", StringValue: "0.50" },
    picture: { DataType: "Binary.png", BinaryValue: new Uint8Array([0, 255, 7]) },
    label: { DataType: "String.label", StringValue: "x" },
    plain: { DataType: "String", StringValue: "5" },
  };
  await client.send(new SendMessageCommand({ QueueUrl, MessageBody: "{}", MessageAttributes: attributes }));
  const source = driver.open("typed", { prefetch: 1, leaseMs: 30_000 });
  const [delivery] = (await source.next(1, never)) as [Delivery];
  expect(delivery.attributes).toEqual({ count: "5", price: "0.50", picture: "AP8H", label: "x", plain: "5" });
  await source.settle([{ kind: "ack", delivery }]);
  await source.stop();

  const changed = { ...delivery.attributes, count: "many", qp_attempt: "1" };
  await driver.send("typed", [requeueCopy(delivery, "id", "retry", changed)], never);
  const { Messages = [] } = await client.send(
    new ReceiveMessageCommand({ QueueUrl, MessageAttributeNames: ["All"], WaitTimeSeconds: 1 }),
  );
  expect(Messages[0]?.MessageAttributes).toMatchObject({
    ...attributes,
    count: { DataType: "String", StringValue: "many" },
    qp_attempt: { DataType: "String", StringValue: "1" },
  });
});

test("a message of queueport has nothing that only the driver understands", async () => {
  await driver.admin?.ensure("ours", SPEC);
  await driver.send("ours", [{ body: "{}", attributes: { type: "job" }, delayMs: 0 }], never);
  const source = driver.open("ours", { prefetch: 1, leaseMs: 30_000 });
  const [delivery] = await source.next(1, never);
  expect(delivery?.native).toBeUndefined();
  await source.stop();
});
