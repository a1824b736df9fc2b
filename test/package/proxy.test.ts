import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import type * as Sqs from "../../adapters/sqs/index.ts";

/** The targets of CONNECT requests. */
const asked: (string | undefined)[] = [];
const proxy = createServer();

beforeAll(async () => {
  proxy.on("connect", ({ url }, socket) => {
    asked.push(url);
    socket.end("HTTP/1.1 407 No\r\n\r\n");
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
});
afterAll(() => proxy.close());

// The bundler replaces parts of undici, so that a proxy works in the sources and not in the package if one is missing.
test("the built adapter of SQS asks its proxy for a tunnel", async () => {
  const { sqs } = (await import(
    new URL("../../dist/adapters/sqs/index.js", import.meta.url).href
  )) as typeof Sqs;
  const driver = sqs({
    region: "eu-west-1",
    credentials: { accessKeyId: "id", secretAccessKey: "key" },
    proxy: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
  });
  await expect(driver.describe("jobs")).rejects.toMatchObject({
    kind: "auth",
    message: expect.stringContaining("the proxy refused the connection with status 407") as string,
  });
  await driver.close();
  expect(asked[0]).toBe("sqs.eu-west-1.amazonaws.com:443");
});
