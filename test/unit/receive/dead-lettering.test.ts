import { describe, expect, test } from "vitest";
import type { EmulatedProvider } from "../../../adapters/memory/index.ts";
import type { Delivery, Outgoing } from "../../../src/driver/contract.ts";
import { DriverError, type ErrorKind } from "../../../src/driver/error.ts";
import { PermanentError } from "../../../src/errors.ts";
import { PauseController } from "../../../src/lib/pause.ts";
import { deadLetterAttributes } from "./dead-letter-attributes.ts";
import { type FaultRule, HOUR, MINUTE, SECOND } from "../support.ts";
import { Fixture } from "./fixture.ts";

const KIND: ErrorKind[] = ["not_found", "auth", "permanent", "full", "transient"];

/** Fails every send to a dead-letter queue. */
function without(deadLetters: string, kind: ErrorKind): FaultRule {
  return ({ operation, queue }) =>
    operation === "send" && queue === deadLetters
      ? { kind: "error", error: new DriverError(kind, "no dead letters") }
      : undefined;
}

describe.each(KIND)("while the dead-letter queue answers %s", (kind) => {
  test.each(["none", "by_key"] as const)(
    "a message with a decision never runs again, and is moved when that queue is back (order %s)",
    async (ordering) => {
      const name = ordering === "by_key" ? "jobs.fifo" : "jobs";
      const fixture = new Fixture({ emulate: "sqs", queues: [], name });
      await fixture.queue.ensure(name, { ordering });
      fixture.fault = without(ordering === "by_key" ? "jobs-dlq.fifo" : "jobs-dlq", kind);
      const orderingKey = ordering === "by_key" ? "k" : undefined;
      await fixture.queue.send(name, { type: "mail", payload: {}, orderingKey, maxAttempts: 1 });
      let runs = 0;
      fixture.receive(() => {
        runs += 1;
        throw new Error("gone");
      });
      await fixture.clock.advance(HOUR);
      expect(runs).toBe(1);
      const failures = fixture.events.of("settle_failed").filter((one) => one.operation === "dead_letter");
      expect(failures.length).toBeGreaterThan(10);
      expect(fixture.events.of("dead_lettered")).toEqual([]);

      fixture.fault = () => undefined;
      await fixture.clock.advance(10 * MINUTE);
      expect(runs).toBe(1);
      expect(fixture.events.of("dead_lettered")).toMatchObject([{ reason: "max_attempts" }]);
      const [letter] = await deadLetterAttributes(fixture);
      expect(letter?.attributes["qp_decided"]).toBeUndefined();
      expect(JSON.parse(letter?.attributes["qp_dlq"] ?? "{}")).toMatchObject({
        attempts: 1,
        error: "Error: gone",
      });
    },
  );
});

test.each([
  ["not_found", SECOND],
  ["transient", 15 * SECOND],
] as const)(
  "a decision that the dead-letter queue answered with %s is known to the next process, which moves the message without a run",
  async (kind, triedFor) => {
    const fixture = new Fixture({ emulate: "sqs" });
    await fixture.queue.ensure("jobs");
    fixture.fault = without("jobs-dlq", kind);
    await fixture.send("mail");
    let runs = 0;
    const handler = (): never => {
      runs += 1;
      throw new PermanentError("gone");
    };
    fixture.receive(handler);
    await fixture.clock.advance(triedFor);
    fixture.stop.abort();
    await fixture.clock.advance(MINUTE);

    fixture.fault = () => undefined;
    fixture.receive(handler, { signal: new AbortController().signal });
    await fixture.clock.advance(MINUTE);
    expect(runs).toBe(1);
    expect(fixture.events.of("dead_lettered")).toMatchObject([{ reason: "permanent_error" }]);
    const [letter] = await deadLetterAttributes(fixture);
    expect(JSON.parse(letter?.attributes["qp_dlq"] ?? "{}")).toMatchObject({
      reason: "permanent_error",
      error: "PermanentError: gone",
      attempts: 1,
    });
  },
);

test("a drain while the dead-letter queue does not answer leaves one message with a decision, and does not lose its acknowledgement", async () => {
  const fixture = new Fixture({ emulate: "sqs" });
  await fixture.queue.ensure("jobs");
  fixture.fault = without("jobs-dlq", "transient");
  await fixture.send("mail");
  fixture.receive(() => Promise.reject(new PermanentError("gone")));
  await fixture.clock.advance(SECOND);
  fixture.stop.abort();
  await fixture.clock.advance(5 * MINUTE);

  expect(fixture.events.of("warning")).toEqual([]);
  expect(fixture.events.of("settle_failed").map(({ operation }) => operation)).toEqual(["dead_letter"]);
  const [message, ...others] = await fixture.peek("jobs");
  expect([message?.attributes["qp_decided"], others]).toEqual([expect.stringContaining("gone"), []]);
});

test("a message with a decision that is released during a pause never runs again", async () => {
  const fixture = new Fixture({ emulate: "sqs" });
  await fixture.queue.ensure("jobs");
  await fixture.plant("jobs", { body: SMALL });
  // The decision cannot be recorded at first, so that only this receiver knows it.
  fixture.fault = ({ operation }) =>
    operation === "send" ? { kind: "error", error: new DriverError("auth", "no") } : undefined;
  const pause = new PauseController();
  let runs = 0;
  fixture.receive(
    () => {
      runs += 1;
      throw new PermanentError("gone");
    },
    { pause },
  );
  await fixture.clock.advance(29 * SECOND);
  fixture.fault = without("jobs-dlq", "auth");
  // The message is back while the poll that began before the pause is under way.
  pause.pause();
  await fixture.clock.advance(2 * SECOND);
  expect(
    fixture.requests.filter(({ operation, queue }) => operation === "send" && queue === "jobs"),
  ).toHaveLength(3);
  pause.resume();
  fixture.fault = () => undefined;
  await fixture.clock.advance(MINUTE);

  expect([runs, await fixture.counts()]).toEqual([1, [0, 0, 0, 1]]);
  expect(fixture.events.of("dead_lettered")).toMatchObject([{ reason: "permanent_error" }]);
});

interface Foreign {
  readonly about: string;
  readonly emulate: EmulatedProvider;
  readonly name: string;
  readonly outgoing: Partial<Outgoing>;
  /** Attributes of the dead letter, besides `qp_dlq`. */
  readonly kept: readonly string[];
  readonly hasReason: boolean;
}

/** A message of this size, as another producer sends it. */
function sized(bytes: number): string {
  const shell = JSON.stringify({ id: "x", type: "job", max_attempts: 2, payload: "" });
  return shell.replace('""', `"${"a".repeat(bytes - shell.length)}"`);
}

const MIB = 1_048_576;
const SMALL = '{"id":"x","type":"job","max_attempts":2,"payload":1}';

const FOREIGN: Foreign[] = [
  {
    about: "a message of the provider's full size",
    emulate: "sqs",
    name: "jobs",
    outgoing: { body: sized(MIB) },
    kept: [],
    hasReason: false,
  },
  {
    about: "a message of the provider's full size on an ordered queue",
    emulate: "sqs",
    name: "jobs.fifo",
    outgoing: { body: sized(MIB), orderingKey: "k" },
    kept: [],
    hasReason: false,
  },
  {
    about: "a message that leaves room for short details",
    emulate: "sqs",
    name: "jobs",
    outgoing: { body: sized(MIB - 600) },
    kept: [],
    hasReason: true,
  },
  {
    about: "a message of the provider's full size, without the reserve that its own count needs",
    emulate: "pubsub",
    name: "jobs",
    outgoing: { body: sized(10_000_000 - 1_600) },
    kept: [],
    hasReason: false,
  },
  {
    about: "a message with an id of 2,000 characters on an ordered queue",
    emulate: "sqs",
    name: "jobs.fifo",
    outgoing: { body: SMALL.replace('"x"', `"${"i".repeat(2_000)}"`), orderingKey: "k" },
    kept: [],
    hasReason: true,
  },
  {
    about: "a message with as many attributes as fit, whose values need escapes in JSON",
    emulate: "pubsub",
    name: "jobs",
    outgoing: {
      body: SMALL,
      attributes: Object.fromEntries(
        Array.from({ length: 100 }, (_, index) => [`theirs-${index}`, "é".repeat(510)]),
      ),
    },
    kept: Array.from({ length: 100 }, (_, index) => `theirs-${index}`),
    hasReason: false,
  },
];

test.each(FOREIGN)("$about ends in the dead letters after its attempts", async (each) => {
  const { emulate, name, outgoing, kept, hasReason } = each;
  const fixture = new Fixture({ emulate, queues: [], name });
  await fixture.queue.ensure(name, { ordering: outgoing.orderingKey === undefined ? "none" : "by_key" });
  await fixture.plant(name, { dedupId: "1", ...outgoing });
  if (outgoing.orderingKey !== undefined)
    await fixture.plant(name, { dedupId: "2", orderingKey: "k", body: SMALL.replace('"x"', '"next"') });
  const ran: string[] = [];
  fixture.receive(({ id }) => {
    ran.push(id.slice(0, 4));
    if (id !== "next") throw new Error("no");
  });
  await fixture.clock.advance(MINUTE);

  const [own] = ran;
  expect(ran).toEqual(outgoing.orderingKey === undefined ? [own, own] : [own, own, "next"]);
  const letters = await deadLetterAttributes(fixture);
  expect(letters.map(({ attributes }) => Object.keys(attributes).filter((one) => one !== "qp_dlq"))).toEqual([
    kept,
  ]);
  expect(letters[0]!.attributes["qp_dlq"] !== undefined).toBe(hasReason);
  expect(fixture.events.of("warning").map(({ code }) => code)).toEqual(hasReason ? [] : ["dead_letter_cut"]);
  expect(fixture.events.of("dead_lettered")).toMatchObject([{ reason: "max_attempts" }]);
});

test("attributes that the provider sets itself are left off a dead letter", async () => {
  const fixture = new Fixture({ emulate: "pubsub" });
  await fixture.queue.ensure("jobs");
  await fixture.plant("jobs", { body: SMALL });
  // A topic with a schema stamps its messages. The emulation, like the service, refuses such names from a sender.
  const open = fixture.driver.open.bind(fixture.driver);
  fixture.driver.open = (queue, options) => {
    const source = open(queue, options);
    const stamp = (one: Delivery): Delivery => ({
      ...one,
      attributes: { ...one.attributes, googclient_schemaencoding: "JSON" },
    });
    const next = source.next.bind(source);
    source.next = async (max, signal) => (await next(max, signal)).map(stamp);
    return source;
  };
  fixture.receive(() => Promise.reject(new PermanentError("no")));
  await fixture.clock.advance(SECOND);

  expect(fixture.events.of("dead_lettered")).toHaveLength(1);
  expect(fixture.events.of("settle_failed")).toEqual([]);
});

test("a receiver warns at its start if its dead-letter queue does not exist", async () => {
  const fixture = new Fixture({ emulate: "sqs" });
  await fixture.queue.ensure("jobs");
  const describeQueue = fixture.driver.describe.bind(fixture.driver);
  let kind: ErrorKind = "not_found";
  fixture.driver.describe = (queue) =>
    queue === "jobs-dlq" ? Promise.reject(new DriverError(kind, "no such queue")) : describeQueue(queue);
  fixture.receive(() => undefined);
  await fixture.clock.settle();
  expect(fixture.events.of("warning")).toMatchObject([
    { code: "dead_letter_queue", message: expect.stringContaining('"jobs-dlq"') as string },
  ]);

  // Without the permission to look, or without a connection, nothing is known.
  for (kind of ["auth", "transient"] as const) {
    fixture.receive(() => undefined);
    await fixture.clock.settle();
  }
  expect(fixture.events.of("warning")).toHaveLength(1);
});

test("a message whose decision cannot be recorded either stays, does not run again, and is moved later", async () => {
  const fixture = new Fixture({ emulate: "sqs" });
  await fixture.queue.ensure("jobs");
  await fixture.send("mail");
  fixture.fault = ({ operation }) =>
    operation === "send"
      ? { kind: "error", error: new DriverError("auth", "it may only receive") }
      : undefined;
  let runs = 0;
  fixture.receive(() => {
    runs += 1;
    throw new PermanentError("gone");
  });
  await fixture.clock.advance(10 * MINUTE);
  expect(fixture.events.of("settle_failed").map(({ operation }) => operation)).toContain("requeue");

  fixture.fault = () => undefined;
  await fixture.clock.advance(10 * MINUTE);
  expect([runs, await fixture.counts()]).toEqual([1, [0, 0, 0, 1]]);
});

test("a single permanent error of the dead-letter queue costs a dead letter nothing of its details", async () => {
  const fixture = new Fixture({ emulate: "sqs" });
  await fixture.queue.ensure("jobs");
  await fixture.plant("jobs", { body: SMALL, attributes: { theirs: "kept" } });
  let failures = 0;
  fixture.fault = ({ operation, queue }) =>
    operation === "send" && queue === "jobs-dlq" && (failures += 1) === 1
      ? { kind: "error", error: new DriverError("permanent", "a bad moment") }
      : undefined;
  fixture.receive(() => Promise.reject(new PermanentError("x".repeat(700))));
  await fixture.clock.advance(MINUTE);

  const [letter] = await deadLetterAttributes(fixture);
  expect(letter?.attributes).toMatchObject({
    theirs: "kept",
    qp_dlq: expect.stringMatching(/x{650}/) as string,
  });
  expect(failures).toBe(2);
});
