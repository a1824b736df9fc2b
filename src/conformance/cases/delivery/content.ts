import { defineCase, type ConformanceCase } from "../../case.ts";
import { expectEqual, expectWithin } from "../../kit/expect.ts";

const PAYLOADS: Readonly<Record<string, unknown>> = {
  "an empty object": {},
  null: null,
  "a nested object": {
    list: [1, -0.5, 1e21, true, null, [], {}],
    deep: { a: { b: { c: { d: "e" } } } },
    "": 0,
  },
  "Unicode text": {
    "ключ 键": 'čćž 漢字 🙂👩‍👩‍👧 \u202E \u0000\u001F\u007F\u2028 "quoted" \\ </x>&amp;',
    lone: "\uD800",
  },
  "200 KB of text": { text: "0123456789".repeat(20_480) },
};

const intact = Object.entries(PAYLOADS).map(([kind, payload]) =>
  defineCase({
    requirement: "delivery.intact",
    name: `a message whose payload is ${kind} arrives once and unchanged`,
    skip: ({ limits }) =>
      kind === "200 KB of text" && limits.maxMessageBytes < 215_000
        ? `messages have at most ${limits.maxMessageBytes} bytes`
        : undefined,
    async run(context) {
      const queue = await context.makeQueue();
      const client = await context.connect();
      const inbox = context.inbox();
      const headers = { tenant: "t-1", "X-Request-Id": "ä/1" };
      const message = { type: "job", payload, headers, maxAttempts: 3 };

      const before = context.now();
      const { id } = await client.queue.send(queue, message);
      const after = context.now();
      const receiver = client.receive(queue, inbox.handler());
      await inbox.waitForMessages(1);
      await receiver.stop();

      await context.expectEmpty(queue);
      expectEqual("attempts", inbox.attempts(id), [1]);
      const { createdAt, scheduledAt, ...got } = inbox.of(id)[0]!.message;
      expectWithin("createdAt", createdAt.getTime(), before, after);
      expectEqual("scheduledAt", scheduledAt, undefined);
      expectEqual("id", got.id, id);
      expectEqual("type", got.type, "job");
      expectEqual("payload", got.payload, payload);
      expectEqual("headers", { ...got.headers }, headers);
      expectEqual("maxAttempts", got.maxAttempts, 3);
    },
  }),
);

const ownId = defineCase({
  requirement: "delivery.intact",
  name: "a message that is sent with an id arrives with that id",
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect();
    const inbox = context.inbox();
    const id = `order/42 ${context.now()}`;

    const receipt = await client.queue.send(queue, { type: "job", payload: 1, id });
    client.receive(queue, inbox.handler());
    await inbox.waitForMessages(1);

    expectEqual("the receipt", receipt, { id });
    expectEqual("ids", inbox.ids, [id]);
  },
});

export const contentCases: readonly ConformanceCase[] = [...intact, ownId];
