import type { NewMessage } from "../../../message/message.ts";
import { isQueueError } from "../../../errors.ts";
import { defineCase, type ConformanceCase } from "../../case.ts";
import { expectEqual, expectRefusal, expectThat } from "../../kit/expect.ts";
import { job } from "../../kit/messages.ts";

/** Names and values that the attributes of some provider cannot carry. */
const UNUSUAL: Readonly<Record<string, string>> = {
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
/** Characters that XML and some brokers refuse. */
const ODD: Readonly<Record<string, string>> = {
  "control characters": "\u0000\u0001\u001F\u007F",
  "a Unicode noncharacter": "\uFFFE\uFFFF",
  "an unpaired surrogate": "a\uD800b",
};
const REFUSAL_CODES: readonly string[] = ["invalid_headers", "invalid_message", "provider"];

const unusual = defineCase({
  requirement: "delivery.headers",
  name: "headers with unusual names and values arrive unchanged",
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect();
    const inbox = context.inbox();
    const many = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`h${index}`, String(index)]));

    const { id: first } = await client.queue.send(queue, { ...job(1), headers: UNUSUAL });
    const { id: second } = await client.queue.send(queue, { ...job(2), headers: many });
    client.receive(queue, inbox.handler());
    await inbox.waitForAll([first, second]);

    expectEqual("unusual headers", { ...inbox.of(first)[0]?.message.headers }, UNUSUAL);
    expectEqual("60 headers", { ...inbox.of(second)[0]?.message.headers }, many);
    // A header must never be mistaken for a system attribute such as qp_attempt.
    const attempts = [first, second].map((id) => inbox.attempts(id));
    expectEqual("attempts of the two messages", attempts, [[1], [1]]);
  },
});

const odd = Object.entries(ODD).map(([characters, value]) =>
  defineCase({
    requirement: "delivery.headers",
    name: `a header value with ${characters} arrives unchanged or is refused`,
    async run(context) {
      const queue = await context.makeQueue();
      const client = await context.connect();
      const inbox = context.inbox();

      const sending = client.queue.send(queue, { ...job(1), headers: { odd: value } });
      const [outcome] = await context.waitFor("the send", Promise.allSettled([sending]));
      client.receive(queue, inbox.handler());

      if (outcome.status === "rejected") {
        const { reason } = outcome as { readonly reason: unknown };
        const isRefused = isQueueError(reason) && REFUSAL_CODES.includes(reason.code);
        expectThat("the error", isRefused, String(reason), `one of the codes ${REFUSAL_CODES.join(", ")}`);
        await context.pass(context.lateMs);
        expectEqual("messages that arrived after a refusal", inbox.ids, []);
        context.notes.push(`refused: ${characters}`);
        return;
      }
      await inbox.waitForMessages(1);
      expectEqual("the header", inbox.arrivals[0]?.message.headers["odd"], value);
    },
  }),
);

const notStrings = defineCase({
  requirement: "delivery.headers",
  name: "a header that is not a string is refused before the message is sent",
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect();
    const sendWith = (headers: object): Promise<unknown> =>
      client.queue.send(queue, { ...job(1), headers } as NewMessage);

    for (const value of [1, null, true, undefined, ["a"], {}]) {
      const subject = `a header with the value ${JSON.stringify(value)}`;
      await expectRefusal(subject, sendWith({ count: value }), "invalid_headers", "count");
    }
    await expectRefusal("a header without a name", sendWith({ "": "x" }), "invalid_headers");

    await context.expectEmpty(queue);
  },
});

export const headerCases: readonly ConformanceCase[] = [unusual, ...odd, notStrings];
