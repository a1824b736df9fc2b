import { expect, it } from "vitest";
import { sqs } from "../../../adapters/sqs/index.ts";
import type { Delivery, Driver, Operation, Outgoing } from "../../../src/driver/index.ts";
import {
  clientOptions,
  startFauxqsHere,
  startLocalAwsSqs,
  startSqsServer,
  type SqsServer,
} from "../../support/sqs-server.ts";

const QUEUE = "queue";
const never = new AbortController().signal;
const spec = { brokerMaxDeliveries: 100, leaseMs: 30_000 };
const message: Outgoing = { body: "čćž 漢字 🙂", attributes: { type: "job" }, delayMs: 0 };

async function connect(server: SqsServer): Promise<Driver> {
  const driver = sqs({ ...clientOptions(server), waitSeconds: 1 });
  await driver.admin?.ensure(QUEUE, spec);
  return driver;
}

/** Receives one message, and settles it with the operation that `then` returns. */
async function take(driver: Driver, then: (delivery: Delivery) => Operation): Promise<Delivery> {
  const source = driver.open(QUEUE, { prefetch: 1, leaseMs: 30_000 });
  let delivery: Delivery | undefined;
  while (delivery === undefined) [delivery] = await source.next(1, never);
  const [result] = await source.settle([then(delivery)]);
  expect(result).toEqual({ ok: true });
  await source.stop();
  return delivery;
}

const ack = (delivery: Delivery): Operation => ({ kind: "ack", delivery });
const release = (delivery: Delivery): Operation => ({ kind: "release", delivery, delayMs: 0 });

it.each([
  ["fauxqs in this process", startFauxqsHere],
  ["local-aws-sqs", startLocalAwsSqs],
])("%s starts on a free port, and carries a message", async (_name, start) => {
  await using server = await start();
  const driver = await connect(server);
  await driver.send(QUEUE, [message], never);
  const { body, deliveryCount } = await take(driver, ack);

  expect([body, deliveryCount]).toEqual([message.body, 1]);

  await driver.close();
});

it("the server keeps messages, receive counts and its endpoint when it is killed and restarted", async () => {
  await using server = await startSqsServer();
  if (server.restart === undefined) return;
  const { endpoint } = server;
  const driver = await connect(server);
  await driver.send(QUEUE, [message], never);
  expect((await take(driver, release)).deliveryCount).toBe(1);

  await server.restart();
  expect(server.endpoint).toBe(endpoint);

  const { body, deliveryCount } = await take(driver, ack);
  expect([body, deliveryCount]).toEqual([message.body, 2]);

  await driver.close();
});
