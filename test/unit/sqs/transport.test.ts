import { GetQueueUrlCommand, SQSClient } from "@aws-sdk/client-sqs";
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { requestHandler, Transport } from "../../../adapters/sqs/transport.ts";
import { lastingPort } from "../../support/port.ts";

const open: (() => void)[] = [];

afterEach(() => {
  for (const close of open.splice(0)) close();
});

async function listen(listener: RequestListener): Promise<Server> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  open.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return server;
}

function requestTo(server: Server): Parameters<Transport["handle"]>[0] {
  const { port } = server.address() as AddressInfo;
  const headers = { "content-type": "text/plain" };
  return {
    protocol: "http:",
    hostname: "127.0.0.1",
    port,
    method: "POST",
    path: "/",
    headers,
    body: "héllo",
  };
}

function transport(timeoutMs: number = 30_000): Transport {
  const made = new Transport(timeoutMs);
  open.push(() => made.destroy());
  return made;
}

test("an answer in several pieces is returned whole, with its status and headers", async () => {
  const server = await listen((request, response) => {
    response.writeHead(418, "Teapot", { "x-kind": "tea" });
    request.on("data", (chunk: Buffer) => {
      response.write(chunk);
      setImmediate(() => response.end("!"));
    });
  });
  const { response } = await transport().handle(requestTo(server));
  const body = Buffer.from(response.body).toString();
  expect({ ...response, body }).toMatchObject({ statusCode: 418, reason: "Teapot", body: "héllo!" });
  expect(response.headers["x-kind"]).toBe("tea");
});

test("an answer without a body has an empty body", async () => {
  const server = await listen((_, response) => void response.writeHead(204).end());
  const { response } = await transport().handle(requestTo(server));
  expect(response.body.byteLength).toBe(0);
});

test("a refused connection is an error with the system's code", async () => {
  const server = await listen(() => {});
  const request = { ...requestTo(server), port: await lastingPort() };
  await expect(transport().handle(request)).rejects.toMatchObject({ code: "ECONNREFUSED" });
});

test("a request that is under way when the transport is destroyed fails", async () => {
  const { promise: arrived, resolve } = Promise.withResolvers<void>();
  const server = await listen(() => resolve());
  const made = transport();
  const answer = made.handle(requestTo(server));
  const failed = answer.catch((error: unknown) => error);
  await arrived;
  made.destroy();
  expect(await failed).toBeInstanceOf(Error);
});

test("undici is used where its pool has a dispatch method", () => {
  const handler = requestHandler(30_000);
  expect(handler).toBeInstanceOf(Transport);
});

describe("where the package undici is replaced by a substitute without dispatch", () => {
  const clientOf = (server: Server, timeoutMs: number): SQSClient => {
    const { port } = server.address() as AddressInfo;
    const client = new SQSClient({
      endpoint: `http://127.0.0.1:${port}`,
      region: "eu-west-1",
      credentials: { accessKeyId: "test", secretAccessKey: "test" },
      maxAttempts: 1,
      requestHandler: requestHandler(timeoutMs, undefined, { prototype: {} }),
    });
    open.push(() => client.destroy());
    return client;
  };

  test("the SDK sends a request by its own handler", async () => {
    const server = await listen((_, response) => {
      response.writeHead(200, { "content-type": "application/x-amz-json-1.0" });
      response.end(`{ "QueueUrl": "http://127.0.0.1/1/emails" }`);
    });
    const answer = await clientOf(server, 30_000).send(new GetQueueUrlCommand({ QueueName: "emails" }));
    expect(answer.QueueUrl).toBe("http://127.0.0.1/1/emails");
  });

  test("a request without an answer fails after the timeout", async () => {
    const server = await listen(() => {});
    const answer = clientOf(server, 20).send(new GetQueueUrlCommand({ QueueName: "emails" }));
    await expect(answer).rejects.toMatchObject({ name: "TimeoutError" });
  });

  test.each([null, {}, () => {}])("%o is no pool that can be used", (substitute) => {
    expect(requestHandler(30_000, undefined, substitute)).not.toBeInstanceOf(Transport);
  });
});
