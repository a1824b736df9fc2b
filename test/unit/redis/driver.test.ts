import { describe, expect, test } from "vitest";
import { redis, type RedisOptions } from "../../../adapters/redis/index.ts";
import { keysOf } from "../../../adapters/redis/keys.ts";
import { keyQueueOf, pack, unpack } from "../../../adapters/redis/message.ts";
import { handleOf, readHandle } from "../../../adapters/redis/handles.ts";
import { cancelScript } from "../../../adapters/redis/scripts/cancel.ts";
import { claimScript } from "../../../adapters/redis/scripts/claim.ts";
import { sendScript } from "../../../adapters/redis/scripts/send.ts";
import { settleScript } from "../../../adapters/redis/scripts/settle.ts";
import { statsScript } from "../../../adapters/redis/scripts/stats.ts";
import { AttributesWriter } from "../../../adapters/sql/queue/message-row.ts";

describe("options that cannot work are refused when the driver is created", () => {
  test.each<[string, object, RegExp]>([
    ["two places", { url: "redis://a", cluster: ["redis://b"] }, /one of url, cluster and client/],
    ["an address of another protocol", { url: "http://a" }, /redis:\/\/ or rediss:\/\//],
    ["a cluster without nodes", { cluster: [] }, /at least one node/],
    ["a prefix with a brace", { prefix: "a{b" }, /prefix must be/],
    ["a client that is none", { client: {} }, /client of @redis\/client/],
    ["wait without a url", { cluster: ["redis://a"], wait: { replicas: 1 } }, /by url/],
    ["wait for no replica", { wait: { replicas: 0 } }, /wait\.replicas/],
    ["an unknown option", { adress: "redis://a" }, /adress/],
  ])("%s", (_what, options, problem) => {
    expect(() => redis(options as RedisOptions)).toThrow(problem);
  });

  test("the error shows no password", () => {
    expect(() => redis({ url: "http://app:secret@a" })).toThrow(/^(?!.*secret).*$/s);
  });
});

test("the scope has the server, the database and the prefix, and no password", () => {
  expect(redis({ url: "redis://app:secret@db:6380/2", prefix: "p" }).scope).toBe("redis:db:6380/2:p");
});

test("all keys of a queue have one hash tag, whatever its name", () => {
  for (const queue of ["emails", "}", "{", "a}b", "{}"]) {
    const tags = keysOf("qp", queue).map((key) => /\{([^}]*)\}/.exec(key)?.[1]);
    expect(new Set(tags).size).toBe(1);
    expect(tags[0]).not.toBe("");
  }
});

test("scripts use no key but those that they get", () => {
  // Each command gets its key from a local that is one of KEYS, and never a text that the script has put together.
  for (const { text } of [sendScript, claimScript, settleScript, cancelScript, statsScript])
    expect(text).not.toMatch(/redis\.call\('(?!PUBLISH)[A-Z]+', *(?:['"]|\w+ *\.\.)/);
});

test.each([
  ["a text", "line\nline {\u0000}"],
  ["an empty text", ""],
  ["bytes", Uint8Array.of(0, 255, 10, 123)],
])("a message with %s as its body is unpacked as it was packed", (_what, body) => {
  const attributes = { a: "\n", "": "{" };
  const packed = pack({ body, attributes, delayMs: 0, orderingKey: 'k"\n' }, new AttributesWriter());
  const delivery = unpack({ id: "7", deliveries: 2, keyQueue: "" }, `1700000000000${packed}`, 5);
  expect(Buffer.from(delivery.body)).toEqual(Buffer.from(body));
  expect(delivery).toMatchObject({
    attributes,
    orderingKey: 'k"\n',
    deliveryCount: 2,
    brokerId: "7",
    leaseUntil: 5,
    enqueuedAt: 1_700_000_000_000,
  });
});

test("a handle names its message, and one of another provider is refused", () => {
  const handle = { queue: "a:b\n", id: "12", keyQueue: keyQueueOf("key") };
  expect(readHandle(handleOf(handle))).toEqual(handle);
  expect(readHandle(handleOf({ ...handle, keyQueue: "" }))).toEqual({ ...handle, keyQueue: "" });
  for (const other of ["", "postgres:1", "redis:x::q", "redis:1"])
    expect(() => readHandle(other)).toThrow("was not returned by a send to Redis");
});
