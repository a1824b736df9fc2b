import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { readBody, THROTTLED } from "../../support/proxy/http-call.ts";
import { HttpProxy } from "../../support/proxy/http-proxy.ts";

interface Request {
  readonly Entries?: readonly { readonly Id: string }[];
  readonly text?: string;
}

/** Requests that the server has handled, in order. */
let served: { readonly operation: string; readonly body: Request }[];
/** Called when the server has read a request. */
let onServed: () => void;
let proxy: HttpProxy;
let cleanUp: AsyncDisposableStack;

/** Answers a batch as SQS does, with success for every entry. */
async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = JSON.parse((await readBody(request)).toString()) as Request;
  served.push({ operation: String(request.headers["x-amz-target"]), body });
  onServed();
  const answer = { Successful: body.Entries?.map(({ Id }) => ({ Id })), echo: body.text };
  response.writeHead(200, { "content-type": "application/x-amz-json-1.0" }).end(JSON.stringify(answer));
}

beforeEach(async () => {
  cleanUp = new AsyncDisposableStack();
  served = [];
  onServed = () => {};
  const server = createServer((request, response) => void serve(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanUp.defer(() => server.closeAllConnections());
  cleanUp.defer(() => void server.close());
  proxy = cleanUp.use(await HttpProxy.start({ port: (server.address() as AddressInfo).port }, { seed: 7 }));
});

afterEach(() => cleanUp.disposeAsync());

interface Answer {
  readonly status: number;
  readonly json: Record<string, unknown>;
}

async function call(operation: string, body: Request = {}, signal?: AbortSignal): Promise<Answer> {
  const response = await fetch(proxy.endpoint, {
    method: "POST",
    headers: { "x-amz-target": `AmazonSQS.${operation}`, "content-type": "application/x-amz-json-1.0" },
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
  return { status: response.status, json: (await response.json()) as Record<string, unknown> };
}

const batch = (...ids: string[]): Request => ({ Entries: ids.map((Id) => ({ Id })) });

it("the proxy passes requests on, and counts them by operation", async () => {
  const text = "ž".repeat(500_000);
  expect(await call("SendMessage", { text })).toEqual({ status: 200, json: { echo: text } });

  await Promise.all([call("SendMessageBatch", batch("a")), call("SendMessageBatch", batch("b"))]);
  expect(proxy.count("SendMessage")).toBe(1);
  expect(proxy.count("SendMessageBatch")).toBe(2);
  expect(proxy.count("ReceiveMessage")).toBe(0);
  expect(served[0]?.operation).toBe("AmazonSQS.SendMessage");
});

it("the proxy drops the response to the n-th request after the server handled it", async () => {
  const rule = proxy.on({ operation: "DeleteMessageBatch", nth: 2 }, { kind: "drop_response" });
  await call("DeleteMessageBatch", batch("a"));
  await call("SendMessageBatch", batch("b"));
  await expect(call("DeleteMessageBatch", batch("c"))).rejects.toThrow("fetch failed");

  await call("DeleteMessageBatch", batch("d"));
  expect(served.map(({ body }) => body.Entries?.[0]?.Id)).toEqual(["a", "b", "c", "d"]);
  expect(rule.hits).toBe(1);
});

it("the proxy drops the response to one request that a predicate selects", async () => {
  proxy.on({ where: ({ json }) => json?.["text"] === "this" }, { kind: "drop_response" });
  await call("SendMessage", { text: "other" });
  await expect(call("SendMessage", { text: "this" })).rejects.toThrow("fetch failed");

  await call("SendMessage", { text: "this" });
  expect(served).toHaveLength(3);
});

it("the proxy answers with throttling and errors without calling the server", async () => {
  proxy.on({ operation: "SendMessage" }, THROTTLED);
  const throttled = await call("SendMessage");
  expect(throttled.status).toBe(400);
  expect(throttled.json["__type"]).toBe("com.amazonaws.sqs#RequestThrottled");

  proxy.on({}, { kind: "answer", status: 503, code: "ServiceUnavailable" });
  expect((await call("ReceiveMessage")).status).toBe(503);
  expect(served).toEqual([]);
  expect((await call("ReceiveMessage")).status).toBe(200);
});

it("the proxy throttles a share of requests, and the same ones for the same seed", async () => {
  using rule = proxy.on({ share: 0.25 }, THROTTLED);
  const statuses: number[] = [];
  for (let index = 0; index < 40; index += 1) statuses.push((await call("SendMessage")).status);

  expect(rule.hits).toBe(statuses.filter((status) => status === 400).length);
  expect(statuses.flatMap((status, index) => (status === 400 ? [index] : []))).toMatchInlineSnapshot(`
    [
      0,
      1,
      7,
      11,
      14,
      20,
      22,
      23,
      24,
      28,
      37,
      38,
    ]
  `);
  expect(served).toHaveLength(40 - rule.hits);
});

it("the proxy swallows one operation until the rule is removed, and passes others on", async () => {
  const rule = proxy.on(
    { operation: "ReceiveMessage", times: Number.POSITIVE_INFINITY },
    { kind: "black_hole" },
  );
  const client = new AbortController();
  const swallowed = call("ReceiveMessage", {}, client.signal);
  await rule.applied;
  expect((await call("SendMessage")).status).toBe(200);

  client.abort(new Error("enough"));
  await expect(swallowed).rejects.toThrow("enough");

  rule.remove();
  expect((await call("ReceiveMessage")).status).toBe(200);
  expect(served.map(({ operation }) => operation)).toEqual([
    "AmazonSQS.SendMessage",
    "AmazonSQS.ReceiveMessage",
  ]);
});

it("the proxy delays a request, and delivers it although its client has gone", async () => {
  const until = Promise.withResolvers<void>();
  const rule = proxy.on({ operation: "SendMessage" }, { kind: "stall", until: until.promise });
  const client = new AbortController();
  const stalled = call("SendMessage", { text: "late" }, client.signal);
  await rule.applied;
  client.abort(new Error("enough"));
  await expect(stalled).rejects.toThrow("enough");
  expect(served).toEqual([]);

  const arrived = new Promise<void>((resolve) => {
    onServed = resolve;
  });
  until.resolve();
  await arrived;
  expect(served[0]?.body.text).toBe("late");
});

it("the proxy fails one entry of a batch, and the server does not receive that entry", async () => {
  const fail = { kind: "fail_entry", index: 1, code: "InternalError", senderFault: false } as const;
  proxy.on({ operation: "SendMessageBatch" }, fail);
  const { status, json } = await call("SendMessageBatch", batch("a", "b", "c"));

  expect(status).toBe(200);
  expect(json["Successful"]).toEqual([{ Id: "a" }, { Id: "c" }]);
  expect(json["Failed"]).toEqual([
    { Id: "b", Code: "InternalError", Message: "InternalError (by the proxy)", SenderFault: false },
  ]);
  expect(served[0]?.body.Entries).toEqual([{ Id: "a" }, { Id: "c" }]);
  expect((await call("SendMessageBatch", batch("a", "b"))).json["Failed"]).toBeUndefined();
});

it("the proxy answers without the server if the failed entry is the only one", async () => {
  proxy.on({}, { kind: "fail_entry", index: 0, code: "InternalError", senderFault: true });
  const { json } = await call("DeleteMessageBatch", batch("a"));

  expect(json["Successful"]).toEqual([]);
  expect(json["Failed"]).toMatchObject([{ Id: "a", SenderFault: true }]);
  expect(served).toEqual([]);
});

it("the proxy cuts a request in flight, and later requests succeed", async () => {
  const rule = proxy.on({ operation: "ReceiveMessage" }, { kind: "black_hole" });
  const waiting = call("ReceiveMessage");
  await rule.applied;
  proxy.cutAll();

  await expect(waiting).rejects.toThrow("fetch failed");
  expect((await call("ReceiveMessage")).status).toBe(200);
});

it("the proxy cuts the connection if the server cannot be reached", async () => {
  await using nowhere = await HttpProxy.start({ port: 1 });
  await expect(fetch(nowhere.endpoint)).rejects.toThrow("fetch failed");
});
