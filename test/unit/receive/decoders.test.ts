import { expect, test, vi } from "vitest";
import { z } from "zod";
import type { Decoder } from "../../../src/message/decoder.ts";
import type { Message } from "../../../src/message/message.ts";
import { defineJob } from "../../../src/worker/job.ts";
import { Worker } from "../../../src/worker/worker.ts";
import { MINUTE, watch } from "../support.ts";
import { Fixture } from "./fixture.ts";

const legacy: Decoder = ({ json }) => {
  const { task, test: isTest } = (json ?? {}) as { readonly task?: string; readonly test?: boolean };
  if (isTest === true) return "ignore";
  return task === undefined ? undefined : { type: task, payload: null };
};
// The space and the order of the fields would not survive a second encoding.
const body = '{ "task": "resize",  "id": 5 }';

test("a message that a decoder ignores is acknowledged without a run, and reported", async () => {
  const fixture = new Fixture({ hooks: { decode: [legacy] } });
  const handler = vi.fn<() => void>();
  await fixture.plant("jobs", { body: '{"test":true}' });

  fixture.receive(handler);
  await fixture.clock.settle();

  expect(handler).not.toHaveBeenCalled();
  expect(fixture.events.names).toEqual(["ignored"]);
  expect(fixture.events.of("ignored")).toMatchObject([{ queue: "jobs" }]);
  expect(await fixture.counts()).toEqual([0, 0, 0, 0]);
});

test.each(["sqs", "pubsub", "service-bus"] as const)(
  "a decoded message is retried, dead-lettered, listed and redriven with its body byte for byte on %s",
  async (emulate) => {
    const fixture = new Fixture({ emulate, hooks: { decode: { jobs: legacy } } });
    await fixture.plant("jobs", { body, attributes: { tenant: "t1" } });
    const bodies: unknown[] = [];
    const seen: Message[] = [];
    const fails = (message: Message): never => {
      seen.push(message);
      throw new Error("no");
    };

    fixture.receive(fails);
    await fixture.clock.advance(30 * MINUTE);
    fixture.stop.abort();
    await fixture.clock.advance(MINUTE);

    expect(seen).toHaveLength(5);
    for (const { type, attributes } of seen) expect([type, attributes["tenant"]]).toEqual(["resize", "t1"]);
    const deadLetters = fixture.queue.deadLetters("jobs");
    const listed = watch(deadLetters.list());
    await fixture.clock.advance(MINUTE);
    const [deadLetter] = listed.value ?? [];
    expect(deadLetter).toMatchObject({ message: { type: "resize" }, info: { reason: "max_attempts" } });
    bodies.push(textOf(deadLetter?.body));
    const redriven = watch(deadLetters.redrive());
    await fixture.clock.advance(MINUTE);
    expect(redriven.value).toMatchObject({ redriven: 1 });
    for (const again of await fixture.peek("jobs")) bodies.push(textOf(again.body));
    expect(bodies).toEqual([body, body]);
  },
);

function textOf(given: string | Uint8Array | undefined): string {
  return typeof given === "string" ? given : Buffer.from(given ?? []).toString();
}

test("a message of another system has as many attempts as its job definition says", async () => {
  const fixture = new Fixture({ hooks: { decode: legacy } });
  const resize = defineJob({ type: "resize", schema: z.null(), maxAttempts: 2 });
  const runs: number[] = [];
  const worker = new Worker(fixture.queue).register(resize, (_, { attempt }) => {
    runs.push(attempt);
    throw new Error("no");
  });
  worker.on("failed", fixture.events.add);

  await worker.start("jobs");
  await fixture.plant("jobs", { body });
  await fixture.queue.send("jobs", { type: "resize", payload: null, maxAttempts: 1 });
  await fixture.clock.advance(30 * MINUTE);
  const stopped = worker.stop();
  await fixture.clock.advance(MINUTE);
  await stopped;

  expect(runs.toSorted((one, other) => one - other)).toEqual([1, 1, 2]);
  expect(
    fixture.events
      .of("failed")
      .map(({ job }) => job.maxAttempts)
      .toSorted((one, other) => one - other),
  ).toEqual([1, 2, 2]);
  expect((await fixture.queue.stats("jobs")).failed).toBe(2);
});

test.each(["memory", "sqs"] as const)(
  "a message of another system runs as often as its job definition says, beyond the crash-loop guard of the default, on %s",
  async (emulate) => {
    const fixture = new Fixture({ hooks: { decode: legacy }, ...(emulate === "sqs" ? { emulate } : {}) });
    const resize = defineJob({ type: "resize", schema: z.null(), maxAttempts: 20, backoff: { capMs: 10 } });
    const handler = vi.fn<() => void>(() => {
      throw new Error("no");
    });
    const worker = new Worker(fixture.queue).register(resize, handler);
    worker.on("failed", fixture.events.add);
    worker.on("dead_lettered", fixture.events.add);

    await worker.start("jobs");
    await fixture.plant("jobs", { body });
    await fixture.clock.advance(30 * MINUTE);
    const stopped = worker.stop();
    await fixture.clock.advance(MINUTE);
    await stopped;

    expect(handler).toHaveBeenCalledTimes(20);
    expect(fixture.events.of("dead_lettered")).toMatchObject([{ reason: "max_attempts" }]);
  },
);

test("an interceptor that fails uses up the attempts of the job definition, not those of the default", async () => {
  const fails = vi.fn<() => Promise<never>>(() => Promise.reject(new Error("no")));
  const fixture = new Fixture({ hooks: { decode: legacy, interceptors: [{ run: fails }] } });
  const resize = defineJob({ type: "resize", schema: z.null(), maxAttempts: 2, backoff: { capMs: 10 } });
  const worker = new Worker(fixture.queue).register(resize, () => undefined);
  worker.on("failed", fixture.events.add);

  await worker.start("jobs");
  await fixture.plant("jobs", { body });
  await fixture.clock.advance(30 * MINUTE);
  const stopped = worker.stop();
  await fixture.clock.advance(MINUTE);
  await stopped;

  expect(fails).toHaveBeenCalledTimes(2);
});
