import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { Transport } from "../../../adapters/sqs/transport.ts";
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

test("an answer comes whole, with its status and headers, however it was cut", async () => {
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

test("an answer without a body is empty", async () => {
  const server = await listen((_, response) => void response.writeHead(204).end());
  const { response } = await transport().handle(requestTo(server));
  expect(response.body.byteLength).toBe(0);
});

test("nobody there: the error has the system's code", async () => {
  const server = await listen(() => {});
  const request = { ...requestTo(server), port: await lastingPort() };
  await expect(transport().handle(request)).rejects.toMatchObject({ code: "ECONNREFUSED" });
});

test("what is under way when it is destroyed fails, and does not hang", async () => {
  const { promise: arrived, resolve } = Promise.withResolvers<void>();
  const server = await listen(() => resolve());
  const made = transport();
  const answer = made.handle(requestTo(server));
  const failed = answer.catch((error: unknown) => error);
  await arrived;
  made.destroy();
  expect(await failed).toBeInstanceOf(Error);
});
