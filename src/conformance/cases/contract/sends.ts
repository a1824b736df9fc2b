import { DriverError } from "../../../driver/error.ts";
import type { Outgoing } from "../../../driver/contract.ts";
import { defineCase, type ConformanceCase } from "../../case.ts";
import {
  DirectQueue,
  expectDone,
  expectRejection,
  outcomeOf,
  takeWithin,
  textOf,
} from "../../kit/contract.ts";
import { expectEqual, expectSame, expectThat } from "../../kit/expect.ts";
import { never } from "../../kit/source.ts";

/** Longest time that a send may take to end after its signal has aborted, in milliseconds. */
const AT_ONCE_MS = 250;

/** Messages that some provider refuses, or cannot carry. */
const DOUBTFUL: Readonly<Record<string, Partial<Outgoing>>> = {
  "a body of bytes": { body: new Uint8Array([0, 255, 128]) },
  "an empty body": { body: "" },
  "a body with U+FFFF": { body: "\uFFFF" },
  "an attribute whose name starts with goog": { attributes: { googclient_x: "1" } },
  "an attribute without a name": { attributes: { "": "1" } },
  "an attribute of 70,000 bytes": { attributes: { large: "x".repeat(70_000) } },
  "an ordering key of 2,000 characters": { orderingKey: "k".repeat(2_000) },
};

const doubtful = Object.entries(DOUBTFUL).map(([kind, over]) =>
  defineCase({
    requirement: "contract.results",
    name: `the results of a send are in the order of its messages, also if one has ${kind}`,
    async run(context) {
      const queue = await DirectQueue.make(context);
      const messages = ["before", "doubtful", "after", "last"].map((body) =>
        queue.outgoing(body, body === "doubtful" ? over : {}),
      );

      const sending = queue.driver.send(queue.name, messages, never);
      const results = await context.waitFor("the send", sending);
      const accepted = results.filter(({ ok }) => ok).length;
      const received = await takeWithin(context, queue.open(4), Math.max(3, accepted), context.leaseMs / 2);
      const more = await takeWithin(context, queue.open(4), 4 - received.length, context.timing.unitMs);

      expectEqual("number of results", results.length, messages.length);
      for (const index of [0, 2, 3]) expectDone(`the result of message ${index}`, results[index]);
      const names = [...received, ...more].map(({ body }) => nameOf(textOf(body)));
      const expected = ["before", "after", "last"].concat(results[1]?.ok === true ? ["doubtful"] : []);
      expectSame("messages that arrived", names, expected);
      if (results[1]?.ok === false) context.notes.push(`refused as ${outcomeOf(results[1])}: ${kind}`);
      for (const { body, brokerId } of received) {
        const index = messages.findIndex((message) => nameOf(textOf(message.body)) === nameOf(textOf(body)));
        const result = results[index];
        const reported = result?.ok === true ? (result.brokerId ?? brokerId) : "none";
        expectEqual(
          `the broker's id of message ${index} in the result and in the delivery`,
          reported,
          brokerId,
        );
      }
    },
  }),
);

/** Names a message by its body. A body that a provider may have changed is the doubtful one. */
function nameOf(body: string): string {
  return ["before", "after", "last"].includes(body) ? body : "doubtful";
}

const aborted = defineCase({
  requirement: "contract.abort",
  name: "a send whose signal aborts before or during the call rejects as ambiguous immediately",
  async run(context) {
    const queue = await DirectQueue.make(context);
    const { driver, name } = queue;
    const reason = new Error("nobody waits");

    const before = driver.send(name, [queue.outgoing("one")], AbortSignal.abort(reason));
    await expectRejection("a send with an aborted signal", driver, before, "ambiguous");
    const abort = new AbortController();
    const during = driver.send(name, [queue.outgoing("two")], abort.signal).then(
      ([result]) => outcomeOf(result),
      (error: unknown) => driver.classify(error),
    );
    abort.abort(reason);
    const outcome = await context.waitFor("the end of an aborted send", during, AT_ONCE_MS);
    // A send that needs no request may have succeeded before its signal aborts.
    expectThat("a send whose signal aborts", ["ambiguous", "ok"].includes(outcome), outcome, "ambiguous");
  },
});

const retained = defineCase({
  requirement: "contract.retention",
  name: "a send does not read its array or a body of bytes after the call has returned its promise",
  async run(context) {
    const queue = await DirectQueue.make(context);
    const messages = [queue.outgoing("as sent")];
    const sending = queue.driver.send(queue.name, messages, never);
    messages[0] = queue.outgoing("replaced");
    messages.push(queue.outgoing("added"));
    const results = await context.waitFor("a send", sending);
    expectEqual("results", results.map(outcomeOf), ["ok"]);

    const bytes = Buffer.from("bytes as sent");
    const ofBytes = queue.driver.send(queue.name, [queue.outgoing(bytes)], never);
    bytes.fill("x");
    const [result] = await context.waitFor("a send of bytes", ofBytes);
    if (result?.ok !== true) context.notes.push(`bodies of bytes are refused as ${outcomeOf(result)}`);

    const expected = result?.ok === true ? ["as sent", "bytes as sent"] : ["as sent"];
    expectEqual("messages", await queue.takeAll(expected.length), expected);
  },
});

const unchanged = defineCase({
  requirement: "contract.identity",
  name: "the body, the attributes and the ordering key of a message come back as they were sent",
  async run(context) {
    const queue = await DirectQueue.make(context);
    const body = 'ö 漢字 🙂 "quoted" \\ {}\n';
    const attributes = { type: "jöb", tenant: '漢字 🙂 "quoted" \\ {}', "x-id_1.2": "é".repeat(200) };
    const { traits } = context.declared;
    const key = traits.orderingKeyRequired ? { orderingKey: "key/1 ä" } : {};

    const [result] = await queue.send([queue.outgoing(body, { attributes, ...key })]);
    expectDone("the send", result);
    const [delivery] = await takeWithin(context, queue.open(1), 1, context.timing.patienceMs);

    expectEqual("the body", delivery && textOf(delivery.body), body);
    expectEqual("the attributes", { ...delivery?.attributes }, attributes);
    if (traits.orderingKeyRequired) expectEqual("the ordering key", delivery?.orderingKey, key.orderingKey);
  },
});

const bytes = defineCase({
  requirement: "contract.identity",
  name: "a body of bytes that are no text comes back byte for byte, if it is accepted",
  async run(context) {
    const queue = await DirectQueue.make(context);
    const body = Uint8Array.from({ length: 256 }, (_, index) => index);
    const [result] = await queue.send([queue.outgoing(body)]);
    if (result?.ok !== true) {
      context.notes.push(`bodies of bytes are refused as ${outcomeOf(result)}`);
      return;
    }
    const [delivery] = await takeWithin(context, queue.open(1), 1, context.timing.patienceMs);
    const received = delivery && Buffer.from(delivery.body as Uint8Array).toString("hex");
    expectEqual("the bytes", received, Buffer.from(body).toString("hex"));
  },
});

const delayed = defineCase({
  requirement: "contract.delay",
  name: "a message that is sent with a delay is delivered when it is due, and not before",
  skip: ({ traits }) => (traits.nativeDelayMs === 0 ? "the provider delays no message" : undefined),
  async run(context) {
    const queue = await DirectQueue.make(context);
    const { nativeDelayMs } = context.declared.traits;
    // No whole number of seconds, since a delay that is rounded has to be rounded up.
    const delayMs = Math.min(nativeDelayMs, 2 * context.timing.unitMs + 700);
    const source = queue.open(1);
    const sentAt = context.now();
    expectDone("the send", (await queue.send([queue.outgoing("delayed", { delayMs })]))[0]);
    const granularityMs = queue.driver.limits.delayGranularityMs ?? 1;
    const lateMs = context.lateMs + granularityMs;

    const [delivery] = await takeWithin(context, source, 1, delayMs + lateMs);

    expectEqual("the message after its delay", delivery && textOf(delivery.body), "delayed");
    context.expectOnTime("the delivery", context.now(), sentAt + delayMs, lateMs);
  },
});

const cancelled = defineCase({
  requirement: "contract.cancel",
  name: "each cancellable message of a send has a handle of its own, also without delay",
  skip: ({ limits }) => (limits.cancel ? undefined : "the provider cannot cancel a message"),
  async run(context) {
    const queue = await DirectQueue.make(context);
    const { driver } = queue;
    const delayMs = 2 * context.timing.unitMs;
    const messages = ["a", "b", "c"].map((body) => queue.outgoing(body, { delayMs, cancellable: true }));
    const results = await queue.send([...messages, queue.outgoing("now", { cancellable: true })]);
    const handles = results.map((result) => (result.ok ? result.handle : undefined));
    expectEqual(
      "handles",
      handles.map((handle) => typeof handle),
      Array.from(handles, () => "string"),
    );
    expectEqual("different handles", new Set(handles).size, handles.length);

    const cancel = (handle: unknown): Promise<boolean> =>
      context.waitFor("a cancellation", driver.cancel!(handle as string));
    expectEqual("a cancellation", await cancel(handles[1]), true);
    expectEqual("a second cancellation", await cancel(handles[1]), false);
    await expectRejection("a cancellation of no handle", driver, cancel("\u0000"), "permanent");
    const received = await takeWithin(context, queue.open(4), 4, delayMs + context.lateMs);
    expectSame(
      "messages that were not cancelled",
      received.map(({ body }) => textOf(body)),
      ["a", "c", "now"],
    );
    expectEqual("a cancellation after the delivery", await cancel(handles[0]), false);
  },
});

const typed = defineCase({
  requirement: "contract.errors",
  name: "the error of a refused message is a DriverError with a message",
  async run(context) {
    const queue = await DirectQueue.make(context);
    for (const [kind, over] of Object.entries(DOUBTFUL)) {
      const [result] = await queue.send([queue.outgoing("doubtful", over)]);
      if (result?.ok !== false) continue;
      const { error } = result;
      const isTyped = error instanceof DriverError && error.message.length > 0;
      expectThat(`the error of ${kind}`, isTyped, String(error), "a DriverError with a message");
    }
  },
});

export const sendCases: readonly ConformanceCase[] = [
  ...doubtful,
  aborted,
  retained,
  unchanged,
  bytes,
  delayed,
  cancelled,
  typed,
];
