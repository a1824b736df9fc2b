// oxlint-disable vitest/expect-expect -- an expected error is an assertion as well
import { type } from "arktype";
import * as v from "valibot";
import { describe, expectTypeOf, test } from "vitest";
import { z } from "zod";
import { defineJob, type JobDefinition, type Message, type Queue, type Worker } from "../../src/index.ts";

declare const queue: Queue;
declare const worker: Worker;

/** The same job in the words of three validators: what holds for one holds for all. */
const withZod = defineJob({
  type: "send_welcome_email",
  schema: z.object({ email: z.string(), retries: z.number() }),
});
const withValibot = defineJob({
  type: "send_welcome_email",
  schema: v.object({ email: v.string(), retries: v.number() }),
});
const withArktype = defineJob({
  type: "send_welcome_email",
  schema: type({ email: "string", retries: "number" }),
});

interface Payload {
  email: string;
  retries: number;
}

describe("a job definition", () => {
  test("types its payload by its schema", () => {
    expectTypeOf(withZod).toEqualTypeOf<JobDefinition<Payload>>();
    expectTypeOf(withValibot).toEqualTypeOf<JobDefinition<Payload>>();
    expectTypeOf(withArktype).toEqualTypeOf<JobDefinition<Payload>>();
  });

  test("needs a schema that is one", () => {
    // @ts-expect-error -- a plain function is no Standard Schema
    defineJob({ type: "send_welcome_email", schema: (payload: unknown) => payload });
    // @ts-expect-error -- without a schema there is nothing to type it by
    defineJob({ type: "send_welcome_email" });
  });

  test("refuses what it does not know", () => {
    // @ts-expect-error -- maxAttempts is misspelt
    defineJob({ type: "send_welcome_email", schema: z.object({}), maxAttempt: 3 });
  });
});

describe("a wrong payload does not compile when it is sent", () => {
  test("a right one does", () => {
    void queue.send("emails", withZod.message({ email: "a@b.example", retries: 1 }));
    void queue.send("emails", withValibot.message({ email: "a@b.example", retries: 1 }, { maxAttempts: 3 }));
    void queue.sendDelayed("emails", withArktype.message({ email: "a@b.example", retries: 1 }), { days: 3 });
  });

  test("a part that is missing", () => {
    // @ts-expect-error -- retries is missing
    withZod.message({ email: "a@b.example" });
    // @ts-expect-error -- retries is missing
    withValibot.message({ email: "a@b.example" });
    // @ts-expect-error -- retries is missing
    withArktype.message({ email: "a@b.example" });
  });

  test("a part of another type", () => {
    // @ts-expect-error -- retries is a number
    withZod.message({ email: "a@b.example", retries: "1" });
    // @ts-expect-error -- retries is a number
    withValibot.message({ email: "a@b.example", retries: "1" });
    // @ts-expect-error -- retries is a number
    withArktype.message({ email: "a@b.example", retries: "1" });
  });

  test("a part too many", () => {
    // @ts-expect-error -- nobody reads name
    withZod.message({ email: "a@b.example", retries: 1, name: "Ada" });
  });
});

describe("a wrong payload does not compile where it is handled", () => {
  test("the handler gets what the schema gives back", () => {
    worker.register(withZod, (message) => expectTypeOf(message).toEqualTypeOf<Message<Payload>>());
    worker.register(withValibot, (message) => expectTypeOf(message).toEqualTypeOf<Message<Payload>>());
    worker.register(withArktype, (message) => expectTypeOf(message).toEqualTypeOf<Message<Payload>>());
  });

  test("a part that the schema does not have", () => {
    // @ts-expect-error -- there is no name
    worker.register(withZod, ({ payload }) => payload.name);
    // @ts-expect-error -- there is no name
    worker.register(withValibot, ({ payload }) => payload.name);
    // @ts-expect-error -- there is no name
    worker.register(withArktype, ({ payload }) => payload.name);
  });

  test("a handler of another payload", () => {
    const handler = ({ payload }: Message<{ email: number }>): number => payload.email;
    // @ts-expect-error -- email is a string
    worker.register(withZod, handler);
  });

  test("a schema that transforms: senders give one type, the handler gets the other", () => {
    const job = defineJob({
      type: "remind",
      schema: z.object({ at: z.iso.datetime().pipe(z.coerce.date()) }),
    });
    expectTypeOf(job).toEqualTypeOf<JobDefinition<{ at: string }, { at: Date }>>();
    job.message({ at: "2026-01-01T00:00:00Z" });
    // @ts-expect-error -- what travels is a string
    job.message({ at: new Date() });
    worker.register(job, ({ payload }) => expectTypeOf(payload.at).toEqualTypeOf<Date>());
  });
});

describe("without a definition", () => {
  test("a handler may say what it expects", () => {
    worker.register<{ userId: string }>("send_tips", ({ payload }) =>
      expectTypeOf(payload.userId).toEqualTypeOf<string>(),
    );
  });

  test("maxAttempts is the message's, not the registration's", () => {
    // @ts-expect-error -- it travels with the message
    worker.register("send_tips", () => {}, { maxAttempts: 3 });
  });
});
