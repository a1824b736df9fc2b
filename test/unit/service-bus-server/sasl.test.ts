import { createHmac } from "node:crypto";
import rhea from "rhea";
import { afterAll, expect, test } from "vitest";
import { startServiceBusServer } from "../../../servers/service-bus/index.ts";
import {
  amqp,
  AMQP_HEADER,
  CODE,
  composite,
  encode,
  frameOf,
  frames,
  RawClient,
  SASL_HEADER,
} from "../../support/raw-amqp.ts";

const KEY = "c2VjcmV0";
const open = await startServiceBusServer({ queues: ["q"] });
const guarded = await startServiceBusServer({ queues: ["q", "other"], keys: { root: KEY } });
afterAll(() => Promise.all([open.stop(), guarded.stop()]));

const init = (mechanism: string, response = ""): Buffer =>
  frameOf(
    encode(composite(CODE.saslInit, [amqp.wrap_symbol(mechanism), amqp.wrap_binary(Buffer.from(response))])),
    0,
    1,
  );

test("the server offers the mechanisms of Microsoft's clients and of others", async () => {
  const client = await RawClient.connect(open);
  client.write(SASL_HEADER);
  expect((await client.next(CODE.saslMechanisms)).fields).toEqual([
    ["MSSBCBS", "PLAIN", "ANONYMOUS", "EXTERNAL"],
  ]);
  expect(client.headers).toEqual([SASL_HEADER]);
  client.close();
});

test.each([
  ["MSSBCBS", ""],
  ["ANONYMOUS", "trace"],
  ["EXTERNAL", ""],
  ["PLAIN", `\0root\0${KEY}`],
])("a client signs in by %s and opens its connection, all in one write", async (mechanism, response) => {
  const client = await RawClient.connect(guarded);
  client.write(SASL_HEADER, init(mechanism, response), AMQP_HEADER, frames.open());
  expect((await client.next(CODE.saslOutcome)).fields).toEqual([0]);
  await client.next(CODE.open);
  expect(client.headers).toEqual([SASL_HEADER, AMQP_HEADER]);
  client.close();
});

test.each([
  ["the name of a key and the key", "PLAIN", undefined],
  ["a mechanism that proves nothing", "MSSBCBS", { condition: "amqp:unauthorized-access" }],
])(
  "a client that has signed in by %s attaches without a token, or is refused",
  async (_title, mechanism, error) => {
    const client = await RawClient.connect(guarded);
    client.write(SASL_HEADER, init(mechanism, `\0root\0${KEY}`), AMQP_HEADER, frames.open());
    client.write(frames.begin(), frames.sends(0, "q"), frames.detach(0));
    const [, , reason] = (await client.next(CODE.detach)).fields;
    expect({ reason }).toMatchObject({ reason: error });
    client.close();
  },
);

test.each([
  ["another key", "PLAIN", "\0root\0no"],
  ["the name of no key", "PLAIN", `\0constructor\0${KEY}`],
  ["too few fields", "PLAIN", "root"],
  ["a mechanism that is not offered", "SCRAM-SHA-256", ""],
])(
  "a client that signs in with %s is refused, and its connection ends",
  async (_title, mechanism, response) => {
    const client = await RawClient.connect(guarded);
    client.write(SASL_HEADER, init(mechanism, response), AMQP_HEADER, frames.open());
    expect((await client.next(CODE.saslOutcome)).fields).toEqual([1]);
    expect(await client.closing()).toBeUndefined();
    expect(client.received.map(({ code }) => code)).not.toContain(CODE.open);
  },
);

function signature(path: string, key = KEY): string {
  const sr = encodeURIComponent(`sb://localhost/${path}`);
  const sig = createHmac("sha256", key).update(`${sr}\n4000000000`).digest("base64");
  return `SharedAccessSignature sr=${sr}&sig=${encodeURIComponent(sig)}&se=4000000000&skn=root`;
}

test.each([
  ["a web token that nobody has signed", "jwt", "x.e30.x", 401],
  ["a signature of another key", "servicebus.windows.net:sastoken", signature("q", "no"), 401],
  [
    "a signature that is not percent-encoded",
    "servicebus.windows.net:sastoken",
    "SharedAccessSignature sr=%&sig=%&se=4000000000&skn=%",
    401,
  ],
  [
    "a key by the name of an object's own part",
    "servicebus.windows.net:sastoken",
    signature("q").replace("skn=root", "skn=constructor"),
    401,
  ],
  ["a signature of the key", "servicebus.windows.net:sastoken", signature("q"), 202],
])(
  "a server with keys answers a token request with %s by its status",
  async (_title, type, token, status) => {
    const client = await RawClient.connect(guarded);
    client.write(AMQP_HEADER, frames.open(), frames.begin(), frames.sends(0, "$cbs"));
    client.write(frames.receives(1, "$cbs", "replies"), frames.credit(1, 1), frames.token(0, 0, token, type));
    const { payload } = await client.next(CODE.transfer);
    expect(rhea.message.decode(payload)["application_properties"]).toMatchObject({ "status-code": status });
    client.close();
  },
);

test.each([
  ["a signature for the queue", signature("q"), "q", 200],
  ["a signature for the queue, in the administration of another one", signature("q"), "other", 401],
  ["a signature for the queue, to list all queues", signature("q"), "$Resources/Queues", 401],
  ["a signature for the namespace", signature(""), "$Resources/Queues", 200],
  ["a web token", "Bearer x.e30.x", "q", 401],
  ["any bearer token", "Bearer x", "q", 401],
  ["no token", "", "q", 401],
])(
  "the administration of a server with keys answers %s by its status",
  async (_title, authorization, path, status) => {
    const response = await fetch(`http://${guarded.host}:${guarded.port}/${path}?api-version=2021-05`, {
      headers: { authorization },
    });
    expect(response.status).toBe(status);
    const withoutKeys = await fetch(`http://${open.host}:${open.port}/q`, {
      headers: { authorization: "Bearer x.e30.x" },
    });
    expect(withoutKeys.status).toBe(200);
  },
);
