import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { openQueue } from "../../../adapters/open.ts";
import { sqs } from "../../../adapters/sqs/index.ts";
import type { Driver } from "../../../src/driver/index.ts";
import { type SqsServer, startFauxqsHere } from "../../support/sqs-server.ts";

/** A host that no resolver knows: only the proxy can lead there. */
const HOST = "sqs.invalid";
const VARIABLES = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"];
const CREDENTIALS = { accessKeyId: "id", secretAccessKey: "key" };
let server: SqsServer;
let proxy: Server;
let proxyUrl: string;
/** The targets of CONNECT requests, with their authorisation. */
const asked: string[] = [];
let status = 200;
const opened: Driver[] = [];

beforeAll(async () => {
  server = await startFauxqsHere();
  const target = Number(new URL(server.endpoint).port);
  proxy = createServer((_, response) => response.writeHead(400).end());
  proxy.on("connect", (request, socket) => {
    const user = request.headers["proxy-authorization"] ?? "";
    asked.push(`${request.url} ${Buffer.from(user.replace("Basic ", ""), "base64").toString()}`.trim());
    if (status !== 200) return void socket.end(`HTTP/1.1 ${status} No\r\n\r\n`);
    const onward = connect(target, "127.0.0.1");
    socket.write("HTTP/1.1 200 Connected\r\n\r\n");
    socket.pipe(onward).pipe(socket);
    for (const one of [socket, onward]) one.on("error", () => socket.destroy());
    socket.on("close", () => onward.destroy());
    return undefined;
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  proxyUrl = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  for (const name of VARIABLES) vi.stubEnv(name, undefined);
});
afterEach(async () => {
  for (const name of VARIABLES) vi.stubEnv(name, undefined);
  for (const driver of opened.splice(0)) await driver.close();
  asked.length = 0;
  status = 200;
});
afterAll(async () => {
  vi.unstubAllEnvs();
  proxy.closeAllConnections();
  proxy.close();
  await server.close();
});

function driverAt(endpoint: string, option?: string | false): Driver {
  const driver = sqs({ region: "eu-west-1", credentials: CREDENTIALS, endpoint, proxy: option });
  opened.push(driver);
  return driver;
}

const SPEC = { brokerMaxDeliveries: 10, leaseMs: 30_000 };
const ensured = (driver: Driver, queue: string): Promise<void> | undefined =>
  driver.admin?.ensure(queue, SPEC);

describe("a proxy", () => {
  test("given as option carries every request, with its user and password", async () => {
    const driver = driverAt(`http://${HOST}:4566`, proxyUrl.replace("//", "//me:secret@"));
    await ensured(driver, "through");
    expect(
      await driver.send(
        "through",
        [{ body: "{}", attributes: {}, delayMs: 0 }],
        new AbortController().signal,
      ),
    ).toMatchObject([{ ok: true }]);
    expect(new Set(asked)).toEqual(new Set([`${HOST}:4566 me:secret`]));
  });

  test("named by the environment is asked for a tunnel to SQS", async () => {
    status = 503;
    vi.stubEnv("HTTPS_PROXY", proxyUrl);
    const driver = driverAt("https://sqs.eu-west-1.amazonaws.com");
    await expect(driver.describe("jobs")).rejects.toMatchObject({
      kind: "transient",
      message: expect.stringContaining("the proxy refused the connection with status 503") as string,
    });
    expect(asked[0]).toBe("sqs.eu-west-1.amazonaws.com:443");
  });

  test("with an address in the environment that is no URL is named, without its text", async () => {
    vi.stubEnv("HTTPS_PROXY", "secret proxy");
    const refusal = driverAt("https://sqs.eu-west-1.amazonaws.com").describe("jobs");
    await expect(refusal).rejects.toMatchObject({
      kind: "permanent",
      message: expect.stringMatching(/^the proxy that HTTPS_PROXY or HTTP_PROXY names has no valid address;/),
    });
  });

  test("that wants a password is an error of the kind auth, which names the option", async () => {
    status = 407;
    const driver = driverAt(`http://${HOST}:4566`, proxyUrl);
    await expect(driver.describe("jobs")).rejects.toMatchObject({
      kind: "auth",
      message: expect.stringContaining("check the option proxy") as string,
    });
  });

  test.each([
    ["the host is in NO_PROXY", { HTTP_PROXY: "PROXY", NO_PROXY: ".invalid" }, undefined],
    ["the option is false", { HTTPS_PROXY: "PROXY", HTTP_PROXY: "PROXY" }, false],
    ["the environment names none", {}, undefined],
  ] as const)("is not used if %s", async (_, variables, option) => {
    for (const [name, value] of Object.entries(variables))
      vi.stubEnv(name, value === "PROXY" ? proxyUrl : value);
    const driver = driverAt(`http://${HOST}:4566`, option);
    await expect(driver.describe("jobs")).rejects.toMatchObject({ kind: "transient" });
    expect(asked).toEqual([]);
  });

  test("named by the environment is not used for a server on this machine, and the one of the option is", async () => {
    vi.stubEnv("HTTP_PROXY", proxyUrl);
    await ensured(driverAt(server.endpoint), "local");
    expect(asked).toEqual([]);
    await ensured(driverAt(server.endpoint, proxyUrl), "local");
    expect(asked).not.toEqual([]);
  });

  test("is opened from a configuration, and its password is in no error", async () => {
    const endpoint = `http://${HOST}:4566`;
    const config = { provider: "sqs", region: "eu-west-1", credentials: CREDENTIALS, endpoint } as const;
    await using queue = await openQueue({ ...config, proxy: proxyUrl });
    await queue.ensure("configured");
    expect(asked).not.toEqual([]);
    await expect(openQueue({ ...config, proxy: "ftp://me:hunter2@proxy" as never })).rejects.toMatchObject({
      code: "config",
      message: expect.not.stringContaining("hunter2") as string,
    });
  });
});

test.each([
  ["a provider of the AWS SDK resolves to", new Date("2030-01-01T00:00:00Z")],
  ["the command line of AWS prints", "2030-01-01T00:00:00+00:00"],
])("a queue is opened with the credentials that %s", async (_, expiration) => {
  const resolved = {
    ...CREDENTIALS,
    sessionToken: "token",
    expiration,
    accountId: "123456789012",
    credentialScope: "eu-west-1",
    $source: { CREDENTIALS_STS_ASSUME_ROLE: "i" },
  };
  await using queue = await openQueue({
    provider: "sqs",
    region: "eu-west-1",
    endpoint: server.endpoint,
    credentials: resolved,
  });
  await queue.ensure("resolved");
  expect((await queue.stats("resolved")).messages).toBe(0);
});
