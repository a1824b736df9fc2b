import assert from "node:assert/strict";
import type { NewMessage } from "../../message/message.ts";
import { caseMaker, type ConformanceCase } from "../case.ts";
import { job, refusal } from "../kit/jobs.ts";

const check = caseMaker("delivery");

const PAYLOADS: Readonly<Record<string, unknown>> = {
  "an empty object": {},
  null: null,
  "nested values": {
    list: [1, -0.5, 1e21, true, null, [], {}],
    deep: { a: { b: { c: { d: "e" } } } },
    "": 0,
  },
  unicode: {
    "ключ 键": 'čćž 漢字 🙂👩‍👩‍👧 \u202E \u0000\u001F\u007F\u2028 "quoted" \\ </x>&amp;',
    lone: "\uD800",
  },
  "200 KB": { text: "0123456789".repeat(20_480) },
};

const intact = Object.entries(PAYLOADS).map(([name, payload]) =>
  check(
    "delivery.intact",
    `a message arrives once and as it was sent; payload: ${name}`,
    async (stage) => {
      const queue = await stage.makeQueue();
      const peer = await stage.connect();
      const message = {
        type: "job",
        payload,
        headers: { tenant: "t-1", "X-Request-Id": "ä/1" },
        maxAttempts: 3,
      };
      const before = stage.now();
      const { id } = await peer.queue.send(queue, message);
      const after = stage.now();
      const inbox = stage.inbox();
      const receiving = peer.receive(queue, inbox.handler());
      await stage.until("the message arrives", () => inbox.arrivals.length > 0);
      await stage.done("the receiver stops", receiving.stop());
      await stage.assertEmpty(queue);
      assert.equal(inbox.arrivals.length, 1, "it is handled once");
      const [arrival] = inbox.arrivals;
      assert.ok(arrival);
      const { createdAt, scheduledAt, ...got } = arrival.message;
      const createdMs = createdAt.getTime();
      assert.equal(arrival.attempt, 1);
      assert.ok(createdMs >= before && createdMs <= after, "createdAt is when it was sent");
      assert.equal(scheduledAt, undefined, "it was not scheduled");
      assert.deepEqual(
        {
          id: got.id,
          type: got.type,
          payload: got.payload,
          headers: { ...got.headers },
          maxAttempts: got.maxAttempts,
        },
        { id, ...message },
      );
    },
    ({ limits }) =>
      name === "200 KB" && limits.maxMessageBytes < 215_000
        ? `messages have at most ${limits.maxMessageBytes} bytes`
        : undefined,
  ),
);

const ownId = check("delivery.intact", "an id that the sender chose is kept", async (stage) => {
  const queue = await stage.makeQueue();
  const peer = await stage.connect();
  const id = `order/42 ${stage.now()}`;
  assert.deepEqual(await peer.queue.send(queue, { type: "job", payload: 1, id }), { id });
  const inbox = stage.inbox();
  peer.receive(queue, inbox.handler());
  await stage.until("the message arrives", () => inbox.arrivals.length > 0);
  assert.equal(inbox.arrivals[0]?.message.id, id);
});

/** Names and values that some provider's own attributes would not carry. */
const HEADERS: Readonly<Record<string, string>> = {
  "Content-Type": "text/plain; charset=utf-8",
  "content-type": "differs by its case alone",
  "with space / dots.and-dashes_AWS.x": "goog-prefix",
  "ключ-🙂": "čćž 漢字 👩‍👩‍👧",
  empty: "",
  spaces: "  leading and trailing  ",
  lines: "a\nb\r\nc\td",
  quotes: `"'\\{}</x>&amp;`,
  long: "v".repeat(2_000),
  constructor: "not inherited",
  qp_attempt: "99",
  type: "not the type",
};
/** Characters that XML and some brokers refuse outright. */
const ODD: Readonly<Record<string, string>> = {
  control: "\u0000\u0001\u001F\u007F",
  "not a character": "\uFFFE\uFFFF",
  surrogate: "a\uD800b",
};

const headers = check("delivery.headers", "headers of every kind survive exactly", async (stage) => {
  const queue = await stage.makeQueue();
  const peer = await stage.connect();
  const many = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`h${index}`, String(index)]));
  await peer.queue.send(queue, { ...job(1), headers: HEADERS });
  await peer.queue.send(queue, { ...job(2), headers: many });
  const inbox = stage.inbox();
  peer.receive(queue, inbox.handler());
  await stage.until("both arrive", () => inbox.size >= 2);
  const got = (payload: number): unknown =>
    inbox.arrivals.find(({ message }) => message.payload === payload)?.message.headers;
  assert.deepEqual({ ...(got(1) as object) }, HEADERS);
  assert.deepEqual({ ...(got(2) as object) }, many);
  assert.deepEqual(
    inbox.arrivals.map(({ attempt }) => attempt),
    [1, 1],
    "headers are never taken for our own",
  );
});

const oddHeaders = Object.entries(ODD).map(([name, value]) =>
  check("delivery.headers", `an odd header survives exactly or is refused: ${name}`, async (stage) => {
    const queue = await stage.makeQueue();
    const peer = await stage.connect();
    const sending = peer.queue.send(queue, { ...job(1), headers: { odd: value } });
    const outcome = await stage.done("the send ends", Promise.allSettled([sending]));
    const inbox = stage.inbox();
    peer.receive(queue, inbox.handler());
    if (outcome[0].status === "rejected") {
      const error = outcome[0].reason as { code?: unknown };
      assert.ok(
        error.code === "invalid_headers" || error.code === "invalid_message" || error.code === "provider",
        `it is refused for what it is; got ${String(outcome[0].reason)}`,
      );
      await stage.pass(stage.lateMs);
      assert.equal(inbox.arrivals.length, 0, "what was refused was not sent");
      stage.notes.push(`refused: ${name}`);
      return;
    }
    await stage.until("it arrives", () => inbox.arrivals.length > 0);
    assert.equal(inbox.arrivals[0]?.message.headers["odd"], value);
  }),
);

const badHeaders = check(
  "delivery.headers",
  "headers that are not strings are refused before sending",
  async (stage) => {
    const queue = await stage.makeQueue();
    const peer = await stage.connect();
    for (const value of [1, null, true, undefined, ["a"], {}]) {
      const wrong = { ...job(1), headers: { count: value } } as unknown as NewMessage;
      await assert.rejects(peer.queue.send(queue, wrong), refusal("invalid_headers", "count"));
    }
    await assert.rejects(
      peer.queue.send(queue, { ...job(1), headers: { "": "x" } }),
      refusal("invalid_headers"),
    );
    await stage.assertEmpty(queue);
  },
);

export const contentCases: readonly ConformanceCase[] = [
  ...intact,
  ownId,
  headers,
  ...oddHeaders,
  badHeaders,
];
