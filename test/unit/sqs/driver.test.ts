import {
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { z } from "zod";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sqs } from "../../../adapters/sqs/index.ts";
import { defineJob, Worker } from "../../../src/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import type { Driver } from "../../../src/driver/index.ts";
import { HttpProxy } from "../../support/proxy/http-proxy.ts";
import { clientOptions, type SqsServer, startFauxqsHere } from "../../support/sqs-server.ts";

const SPEC = { brokerMaxDeliveries: 15, leaseMs: 45_000 };
const job = { type: "job", payload: {} };
let server: SqsServer;
let client: SQSClient;
let driver: Driver;

beforeAll(async () => {
  server = await startFauxqsHere();
  client = plainClient({ maxAttempts: 1 });
  driver = sqs({ client });
});
afterAll(async () => {
  client.destroy();
  await server.close();
});

function plainClient(config: object): SQSClient {
  const { endpoint, region, credentials } = clientOptions(server);
  return new SQSClient({ endpoint, region, credentials, ...config } as object);
}

async function attributesOf(queue: string): Promise<Record<string, string>> {
  const { QueueUrl } = await client.send(new GetQueueUrlCommand({ QueueName: queue }));
  const { Attributes = {} } = await client.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }),
  );
  return Attributes;
}

describe("ensure", () => {
  test("ensure creates three encrypted queues that refer to each other, and a second ensure changes nothing", async () => {
    await driver.admin?.ensure("emails", SPEC);
    const names = ["emails", "emails-dlq", "emails-delay"];
    const [main = {}, dlq = {}, parking = {}] = await Promise.all(names.map(attributesOf));
    expect(main).toMatchObject({ VisibilityTimeout: "45", MessageRetentionPeriod: "1209600" });
    for (const one of [main, dlq, parking]) expect(one["SqsManagedSseEnabled"]).toBe("true");
    expect(JSON.parse(main["RedrivePolicy"] ?? "{}")).toEqual({
      deadLetterTargetArn: dlq["QueueArn"],
      maxReceiveCount: 15,
    });
    expect(JSON.parse(dlq["RedriveAllowPolicy"] ?? "{}")).toEqual({
      redrivePermission: "byQueue",
      sourceQueueArns: [main["QueueArn"]],
    });
    expect(parking["RedrivePolicy"]).toBeUndefined();
    await driver.admin?.ensure("emails", SPEC);
    const again = await Promise.all(names.map(attributesOf));
    const LastModifiedTimestamp = "whenever";
    const stable = (one: object): object => ({ ...one, LastModifiedTimestamp });
    expect(again.map(stable)).toEqual([main, dlq, parking].map(stable));
  });

  test("ensure removes a redrive policy from the delay queue, where each hop counts as a receive", async () => {
    await driver.admin?.ensure("hops", SPEC);
    const { QueueArn = "" } = await attributesOf("hops-dlq");
    const policy = JSON.stringify({ deadLetterTargetArn: QueueArn, maxReceiveCount: 2 });
    const { QueueUrl } = await client.send(new GetQueueUrlCommand({ QueueName: "hops-delay" }));
    await client.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { RedrivePolicy: policy } }));
    expect(await driver.admin?.plan?.("hops", SPEC)).toMatchObject([
      { kind: "change", resource: "queue hops-delay", setting: "RedrivePolicy", to: undefined },
    ]);
    await driver.admin?.ensure("hops", SPEC);
    expect((await attributesOf("hops-delay"))["RedrivePolicy"] ?? "").toBe("");
    expect(await driver.admin?.plan?.("hops", SPEC)).toEqual([]);
  });

  test("a second logical name for one physical queue is refused", async () => {
    const twice = sqs({ client, prefix: "prod-", queues: { emails: "prod-mail" } });
    await twice.admin?.ensure("emails", SPEC);
    await expect(twice.admin?.drop("mail")).rejects.toMatchObject({
      kind: "permanent",
      message: expect.stringContaining('"emails" and "mail" both mean the queue prod-mail') as string,
    });
    expect((await attributesOf("prod-mail"))["QueueArn"]).toBeDefined();
  });

  test("ensure keeps the KMS key of a queue, and sets the configured one", async () => {
    await driver.admin?.ensure("secrets", SPEC);
    const { QueueUrl } = await client.send(new GetQueueUrlCommand({ QueueName: "secrets" }));
    const Attributes = { KmsMasterKeyId: "alias/theirs", SqsManagedSseEnabled: "false" };
    await client.send(new SetQueueAttributesCommand({ QueueUrl, Attributes }));
    await driver.admin?.ensure("secrets", SPEC);
    expect(await attributesOf("secrets")).toMatchObject(Attributes);
    await sqs({ client, kmsKeyId: "alias/ours" }).admin?.ensure("secrets", SPEC);
    expect(await attributesOf("secrets")).toMatchObject({ KmsMasterKeyId: "alias/ours" });
  });

  test("two calls of ensure for one queue can overlap", async () => {
    await Promise.all([driver.admin?.ensure("twice", SPEC), driver.admin?.ensure("twice", SPEC)]);
    expect(await attributesOf("twice")).toMatchObject({ VisibilityTimeout: "45" });
  });

  test("ensure puts suffixes before .fifo, and refuses an ordering that does not match the name", async () => {
    await driver.admin?.ensure("orders.fifo", { ...SPEC, ordering: "by_key" });
    for (const name of ["orders.fifo", "orders-dlq.fifo", "orders-delay.fifo"])
      expect(await attributesOf(name)).toMatchObject({ FifoQueue: "true" });
    await expect(driver.admin?.ensure("orders", { ...SPEC, ordering: "by_key" })).rejects.toThrow(/\.fifo/);
    await expect(driver.admin?.ensure("others.fifo", SPEC)).rejects.toThrow(/by_key/);
  });
});

test("drop removes all three queues, and a second drop does nothing", async () => {
  await driver.admin?.ensure("gone", SPEC);
  await driver.admin?.drop("gone");
  await driver.admin?.drop("gone");
  for (const name of ["gone", "gone-dlq", "gone-delay"])
    await expect(attributesOf(name)).rejects.toThrow(/does not exist/i);
});

describe("a client that is injected", () => {
  test("an injected client that repeats sends on its own is refused", async () => {
    const retrying = plainClient({});
    const queue = createQueue(sqs({ client: retrying }));
    await queue.ensure("injected");
    await expect(queue.send("injected", job)).rejects.toThrow(/maxAttempts: 1/);
    await queue.close();
    retrying.destroy();
  });

  test("requests of an injected client have a time limit, and are made again", async () => {
    const { hostname, port } = new URL(server.endpoint);
    await using proxy = await HttpProxy.start({ host: hostname, port: Number(port) });
    const patient = plainClient({ endpoint: proxy.endpoint, maxAttempts: 1 });
    await driver.admin?.ensure("patient", SPEC);
    const queue = createQueue(sqs({ client: patient, requestTimeoutMs: 500 }));
    const hole = proxy.on({ operation: "GetQueueUrl" }, { kind: "black_hole" });
    await queue.send("patient", job);
    expect(hole.hits).toBe(1);
    await queue.close();
    patient.destroy();
  });
});

test("a send whose signal is aborted is not made", async () => {
  await driver.admin?.ensure("abandoned", SPEC);
  const own = sqs({ ...clientOptions(server) });
  const gone = AbortSignal.abort(new Error("nobody waits"));
  const message = { body: "{}", attributes: {}, delayMs: 0 };
  await expect(own.send("abandoned", [message], gone)).rejects.toMatchObject({ kind: "ambiguous" });
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(await driver.stats("abandoned")).toMatchObject({ ready: 0 });
  await own.close();
});

test("credentials that are not configured are found by the SDK, and missing ones are an auth error", async () => {
  const { endpoint, region } = clientOptions(server);
  const names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
  const before = names.map((name) => process.env[name]);
  for (const name of names) process.env[name] = "local";
  const found = sqs({ endpoint, region });
  await found.admin?.ensure("found", SPEC);
  expect(await found.describe("found")).toMatchObject({ ordering: "none" });
  await found.close();
  for (const name of names) delete process.env[name];
  process.env["AWS_EC2_METADATA_DISABLED"] = "true";
  const none = sqs({ endpoint, region });
  await expect(none.describe("found")).rejects.toMatchObject({
    kind: "auth",
    message: expect.stringContaining("Could not load credentials") as string,
  });
  await none.close();
  delete process.env["AWS_EC2_METADATA_DISABLED"];
  for (const [index, name] of names.entries())
    if (before[index] !== undefined) process.env[name] = before[index];
});

test("the endpoint of the environment is used, not the host of a queue URL in an answer", async () => {
  process.env["AWS_ENDPOINT_URL_SQS"] = server.endpoint;
  const { region, credentials } = clientOptions(server);
  const queue = createQueue(sqs({ region, credentials }), { sendDeadlineMs: 20_000 });
  await queue.ensure("environment");
  await expect(queue.send("environment", job)).resolves.toMatchObject({ id: expect.any(String) as string });
  await queue.close();
  delete process.env["AWS_ENDPOINT_URL_SQS"];
});

test("a worker warns at its start, with both numbers, if maxReceiveCount is below queueport's own limit", async () => {
  const queue = createQueue(sqs({ client, waitSeconds: 1 }));
  await driver.admin?.ensure("strict", { ...SPEC, brokerMaxDeliveries: 3 });
  const warnings: string[] = [];
  const stop = new AbortController();
  await queue.receive("strict", async () => {}, {
    signal: stop.signal,
    onEvent: (event) => {
      if (event.event === "warning") warnings.push(event.message);
      if (event.event === "polled") stop.abort();
    },
  });
  await queue.close();
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toMatch(/after 3 deliveries.*after 10 \(maxAttempts 5\)/);
});

test("a worker warns if one of its jobs may take more attempts than maxReceiveCount allows", async () => {
  const queue = createQueue(sqs({ client, waitSeconds: 1 }));
  await queue.ensure("patience");
  const worker = new Worker(queue);
  worker.register(defineJob({ type: "stubborn", schema: z.object({}), maxAttempts: 20 }), () => {});
  const warned = new Promise<string>((resolve) => {
    worker.once("warning", ({ message }) => resolve(message));
  });
  const working = worker.run("patience");
  expect(await warned).toMatch(/after 15 deliveries.*after 25 \(maxAttempts 20\)/);
  await worker.stop();
  await working;
  await queue.close();
});

describe("the options of the driver", () => {
  test("a time limit longer than Node's longest timer does not end a request at once", async () => {
    await using queue = createQueue(sqs({ ...clientOptions(server), requestTimeoutMs: "30 days" }));
    await queue.ensure("long-limit", {});
    await queue.send("long-limit", job);
    expect((await queue.stats("long-limit")).messages).toBe(1);
  });

  test.each([
    [{ requestTimeoutMs: 0 }, "requestTimeoutMs"],
    [{ requestTimeoutMs: -1 }, "requestTimeoutMs"],
    [{ requestTimeoutMs: Number.POSITIVE_INFINITY }, "requestTimeoutMs"],
    [{ requestTimeoutMs: "soon" as never }, "requestTimeoutMs"],
    [{ waitSeconds: 0 }, "waitSeconds"],
    [{ waitSeconds: 21 }, "waitSeconds"],
    [{ waitSeconds: Number.NaN }, "waitSeconds"],
    [{ waitSeconds: "5" as never }, "waitSeconds"],
  ])("%j are refused, and the option is named", (options, name) => {
    expect(() => sqs(options)).toThrow(
      expect.objectContaining({ code: "config", message: expect.stringContaining(`sqs: ${name} must be`) }),
    );
  });
});
