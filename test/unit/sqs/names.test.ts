import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { sqs } from "../../../adapters/sqs/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";

test("a URL is refused as the name of a queue, before a signed request goes to its host", async () => {
  const asked: unknown[] = [];
  const server = createServer((request, response) => {
    asked.push([request.url, request.headers.authorization]);
    response.writeHead(400).end();
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/123456789012/emails`;
  await using queue = createQueue(
    sqs({
      region: "eu-west-1",
      credentials: { accessKeyId: "id", secretAccessKey: "secret", sessionToken: "token" },
      // With a URL in the configuration, the client takes the host of a request from it.
      queues: { mapped: url },
    }),
  );
  const refused = {
    code: "provider",
    message: expect.stringContaining("map a name to it in queues") as string,
  };
  await expect(queue.send(url, { type: "welcome", payload: {} })).rejects.toMatchObject(refused);
  await expect(queue.stats(url)).rejects.toMatchObject(refused);
  await expect(queue.receive(url, async () => {})).rejects.toMatchObject(refused);
  await expect(queue.deadLetters(url).list()).rejects.toMatchObject(refused);
  expect(asked).toEqual([]);
  server.close();
});
