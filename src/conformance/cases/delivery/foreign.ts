import type { CaseContext } from "../../kit/case-context.ts";
import type { SendResult } from "../../../driver/contract.ts";
import type { Message } from "../../../message/message.ts";
import { defineCase, type ConformanceCase } from "../../case.ts";
import { expectEqual, expectThat } from "../../kit/expect.ts";
import { never } from "../../kit/source.ts";

interface Body {
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly type: string;
  readonly payload: unknown;
}

const circle = { type: "circle", radius: 2 };
const event = {
  specversion: "1.0",
  id: "e1",
  source: "/orders",
  type: "order.placed",
  data: { orderId: 42 },
};

/** Bodies of other producers, by what they are. */
const BODIES: Readonly<Record<string, Body>> = {
  "a body that begins with a byte order mark": {
    body: '\uFEFF{"type":"job","payload":{"n":1}}',
    attributes: {},
    type: "job",
    payload: { n: 1 },
  },
  "a message without data that has a type attribute": {
    body: "",
    attributes: { type: "ping" },
    type: "ping",
    payload: null,
  },
  "domain data with a type of its own": {
    body: JSON.stringify(circle),
    attributes: { type: "draw" },
    type: "draw",
    payload: circle,
  },
  "a CloudEvent in structured mode": {
    body: JSON.stringify(event),
    attributes: {},
    type: "order.placed",
    payload: { orderId: 42 },
  },
};

const asText = Object.entries(BODIES).map(([kind, one]) => readCase(kind, "text", one, one.body));
const asBytes = Object.entries(BODIES).map(([kind, one]) =>
  readCase(kind, "bytes", one, new TextEncoder().encode(one.body)),
);

function readCase(
  kind: string,
  form: string,
  { attributes, type, payload }: Body,
  body: string | Uint8Array,
): ConformanceCase {
  return defineCase({
    requirement: "delivery.foreign",
    name: `${kind}, sent as ${form}, is read as it is on every provider`,
    async run(context) {
      const queue = await context.makeQueue();
      const client = await context.connect();
      const inbox = context.inbox();
      const message = { body, attributes, delayMs: 0, dedupId: "m1" };

      const [sent] = await client.driver.send(queue, [message], never);
      if (sent?.ok !== true && (typeof body !== "string" || body === "")) {
        context.notes.push("the provider does not carry such a body");
        return;
      }
      expectSent(sent);
      client.receive(queue, inbox.handler());
      await inbox.waitForMessages(1);

      const [arrival] = inbox.arrivals;
      expectEqual("type", arrival?.message.type, type);
      expectEqual("payload", arrival?.message.payload, payload);
      await context.expectEmpty(queue);
    },
  });
}

function expectSent(sent: SendResult | undefined): void {
  const got = sent?.ok === false ? String(sent.error) : "no result";
  expectThat("the send", sent?.ok === true, got, "success");
}

const attributes = defineCase({
  requirement: "delivery.foreign",
  name: "the attributes of another producer are visible to the handler, on the first run and on the next one",
  async run(context: CaseContext) {
    const queue = await context.makeQueue();
    const client = await context.connect();
    const inbox = context.inbox();
    const given = { type: "draw", tenant: "t-1", "trace.id": "ä/1" };
    const message = { body: JSON.stringify(circle), attributes: given, delayMs: 0, dedupId: "m1" };

    const [sent] = await client.driver.send(queue, [message], never);
    expectSent(sent);
    client.receive(
      queue,
      inbox.handler(({ attempt }) =>
        attempt === 1 ? { kind: "retry", delayMs: 0, error: "again" } : undefined,
      ),
    );
    await context.waitUntil("the second run", () => inbox.arrivals.length === 2);

    const seen = inbox.arrivals.map(({ message: one }: { readonly message: Message }) => ({
      ...one.attributes,
    }));
    expectEqual("attributes", seen, [given, given]);
    expectEqual(
      "payloads",
      inbox.arrivals.map(({ message: one }) => one.payload),
      [circle, circle],
    );
    await context.expectEmpty(queue);
  },
});

export const foreignCases: readonly ConformanceCase[] = [...asText, ...asBytes, attributes];
