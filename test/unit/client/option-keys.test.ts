import { describe, expect, test } from "vitest";
import { memory } from "../../../adapters/memory/index.ts";
import { openQueue } from "../../../adapters/open.ts";
import { pubsub } from "../../../adapters/pubsub/index.ts";
import { serviceBus } from "../../../adapters/service-bus/index.ts";
import { sqs } from "../../../adapters/sqs/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import { defineJob } from "../../../src/worker/job.ts";
import { Worker } from "../../../src/worker/worker.ts";

const queue = createQueue(memory());
const worker = new Worker(queue);
const message = { type: "welcome", payload: 1 };
const schema = {
  "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) },
} as const;
const deadLetters = queue.deadLetters("jobs");

// Typed loosely, as in JavaScript, where no compiler refuses the misspelling.
const wrong = (options: object): any => options;

describe("a misspelt option", () => {
  test.each<[string, (options: any) => unknown, object, string]>([
    ["createQueue", (o) => createQueue(memory(), o), { sendDeadline: 5 }, "sendDeadlineMs"],
    ["openQueue", (o) => openQueue({ provider: "memory" }, o), { randon: Math.random }, "random"],
    ["Worker", (o) => new Worker(queue, o), { concurency: 5 }, "concurrency"],
    ["register", (o) => worker.register("a", () => {}, o), { timeout: 5 }, "timeoutMs"],
    ["defineJob", (o) => defineJob({ type: "a", schema, ...o }), { maxAttemps: 3 }, "maxAttempts"],
    ["a backoff", (o) => createQueue(memory(), { backoff: o }), { base: 3 }, "baseMs"],
    ["delayed", (o) => queue.delayed("jobs", o), { limt: 3 }, "limit"],
    ["memory", (o) => memory(o), { capactiy: 5 }, "capacity"],
    ["sqs", (o) => sqs(o), { regoin: "eu-west-1" }, "region"],
    ["pubsub", (o) => pubsub(o), { project: "p", projectID: "p" }, "projectId"],
    ["serviceBus", (o) => serviceBus(o), { connectionstring: "x" }, "connectionString"],
    ["send", (o) => queue.send("jobs", message, o), { dealy: "3d" }, "delay"],
    ["sendDelayed", (o) => queue.sendDelayed("jobs", message, "3d", o), { canceleable: true }, "cancellable"],
    ["sendBatch", (o) => queue.sendBatch("jobs", [message], o), { deadline: 5 }, "deadlineMs"],
    ["receive", (o) => queue.receive("jobs", async () => {}, o), { lease: 5 }, "leaseMs"],
    ["ensure", (o) => queue.ensure("jobs", o), { orderng: "by_key" }, "ordering"],
    ["plan", (o) => queue.plan("jobs", o), { maxAttempt: 5 }, "maxAttempts"],
    ["pump", (o) => queue.pump("jobs", o), { onevent() {} }, "onEvent"],
    ["list", (o) => deadLetters.list(o), { id: ["a"] }, "ids"],
    ["groups", (o) => deadLetters.groups(o), { typ: "welcome" }, "type"],
    ["redrive", (o) => deadLetters.redrive(o), { dryrun: true }, "dryRun"],
    ["discard", (o) => deadLetters.discard(o), { reson: "malformed" }, "reason"],
  ])("%s refuses it, and names the option that was meant", async (_what, call, options, meant) => {
    const refused = async (): Promise<unknown> => call(wrong(options));
    await expect(refused()).rejects.toMatchObject({
      code: "invalid_options",
      message: expect.stringMatching(new RegExp(`unknown option "\\w+"; did you mean ${meant}\\?$`)),
    });
  });

  test("that resembles none is refused with the list of all, and one that is undefined has no effect", () => {
    expect(() => createQueue(memory(), wrong({ zzzzzzzzz: 1 }))).toThrow(
      'createQueue: unknown option "zzzzzzzzz"; known: backoff, sendDeadlineMs, ',
    );
    expect(() => createQueue(memory(), wrong({ sendDeadline: undefined }))).not.toThrow();
  });
});

test("a job definition that is given in place of a message is refused with the call that makes one", async () => {
  const welcome = defineJob({ type: "welcome", schema });
  await expect(queue.send("jobs", welcome as never)).rejects.toMatchObject({
    code: "invalid_message",
    message:
      'The job definition "welcome" was given in place of a message; send the result of its message(payload).',
  });
});

describe("a value that no queue can have", () => {
  test.each([
    [{ ordering: "fifo" }, 'ordering must be "none" or "by_key"; got "fifo".'],
    [{ maxAttempts: 0 }, "maxAttempts must be a whole number, 1 or more; got 0."],
    [{ maxAttempts: "3" }, 'maxAttempts must be a whole number, 1 or more; got "3".'],
  ])("is refused by ensure and plan before a queue is created: %o", async (options, sentence) => {
    const refusal = { code: "invalid_options", message: `ensure: ${sentence}` };
    await expect(queue.ensure("new", wrong(options))).rejects.toMatchObject(refusal);
    await expect(queue.plan("new", wrong(options))).rejects.toMatchObject(refusal);
  });
});
