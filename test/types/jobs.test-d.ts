// oxlint-disable vitest/expect-expect -- an expected error is an assertion too
import { type } from "arktype";
import * as v from "valibot";
import { describe, expectTypeOf, test } from "vitest";
import { z } from "zod";
import { defineJob, type JobDefinition, type Message, type Queue, type Worker } from "../../src/index.ts";

declare const queue: Queue;
declare const worker: Worker;

/** The same job with the schemas of three validators. Each test uses all three. */
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
  test("a job definition takes the type of its payload from its schema", () => {
    expectTypeOf(withZod).toEqualTypeOf<JobDefinition<Payload>>();
    expectTypeOf(withValibot).toEqualTypeOf<JobDefinition<Payload>>();
    expectTypeOf(withArktype).toEqualTypeOf<JobDefinition<Payload>>();
  });

  test("a job definition takes the type of its result from the schema of the result", () => {
    const result = z.object({ bytes: z.number() });
    const job = defineJob({ type: "resize", schema: z.object({ url: z.string() }), result });
    expectTypeOf(job).toEqualTypeOf<JobDefinition<{ url: string }, { url: string }, { bytes: number }>>();
    worker.register(job, ({ payload }) => expectTypeOf(payload.url).toEqualTypeOf<string>());
    // @ts-expect-error -- a function is not a Standard Schema
    defineJob({ type: "resize", schema: z.string(), result: () => 1 });
  });

  test("a job definition does not compile without a Standard Schema", () => {
    // @ts-expect-error -- a function is not a Standard Schema
    defineJob({ type: "send_welcome_email", schema: (payload: unknown) => payload });
    // @ts-expect-error -- the schema is missing
    defineJob({ type: "send_welcome_email" });
  });

  test("a job definition does not compile with an unknown option", () => {
    // @ts-expect-error -- maxAttempts is misspelt
    defineJob({ type: "send_welcome_email", schema: z.object({}), maxAttempt: 3 });
  });
});

describe("a payload that is sent", () => {
  test("a payload that matches the schema compiles", () => {
    void queue.send("emails", withZod.message({ email: "a@b.example", retries: 1 }));
    void queue.send("emails", withValibot.message({ email: "a@b.example", retries: 1 }, { maxAttempts: 3 }));
    void queue.sendDelayed("emails", withArktype.message({ email: "a@b.example", retries: 1 }), { days: 3 });
  });

  test("a payload without one of its properties does not compile", () => {
    // @ts-expect-error -- retries is missing
    withZod.message({ email: "a@b.example" });
    // @ts-expect-error -- retries is missing
    withValibot.message({ email: "a@b.example" });
    // @ts-expect-error -- retries is missing
    withArktype.message({ email: "a@b.example" });
  });

  test("a payload with a property of another type does not compile", () => {
    // @ts-expect-error -- retries is a number
    withZod.message({ email: "a@b.example", retries: "1" });
    // @ts-expect-error -- retries is a number
    withValibot.message({ email: "a@b.example", retries: "1" });
    // @ts-expect-error -- retries is a number
    withArktype.message({ email: "a@b.example", retries: "1" });
  });

  test("a payload with an unknown property does not compile", () => {
    // @ts-expect-error -- the schema has no name
    withZod.message({ email: "a@b.example", retries: 1, name: "Ada" });
  });
});

describe("a payload that is handled", () => {
  test("a handler gets the output type of the schema", () => {
    worker.register(withZod, (message) => expectTypeOf(message).toEqualTypeOf<Message<Payload>>());
    worker.register(withValibot, (message) => expectTypeOf(message).toEqualTypeOf<Message<Payload>>());
    worker.register(withArktype, (message) => expectTypeOf(message).toEqualTypeOf<Message<Payload>>());
  });

  test("a handler that reads an unknown property does not compile", () => {
    // @ts-expect-error -- the schema has no name
    worker.register(withZod, ({ payload }) => payload.name);
    // @ts-expect-error -- the schema has no name
    worker.register(withValibot, ({ payload }) => payload.name);
    // @ts-expect-error -- the schema has no name
    worker.register(withArktype, ({ payload }) => payload.name);
  });

  test("a handler of another payload type does not compile", () => {
    const handler = ({ payload }: Message<{ email: number }>): number => payload.email;
    // @ts-expect-error -- email is a string
    worker.register(withZod, handler);
  });

  test("a sender gives the input type of a schema that transforms, and the handler gets its output type", () => {
    const job = defineJob({
      type: "remind",
      schema: z.object({ at: z.iso.datetime().pipe(z.coerce.date()) }),
    });
    expectTypeOf(job).toEqualTypeOf<JobDefinition<{ at: string }, { at: Date }>>();
    job.message({ at: "2026-01-01T00:00:00Z" });
    // @ts-expect-error -- the input type is a string
    job.message({ at: new Date() });
    worker.register(job, ({ payload }) => expectTypeOf(payload.at).toEqualTypeOf<Date>());
  });
});

describe("a job without a definition", () => {
  test("a handler gets the payload type that its registration names", () => {
    worker.register<{ userId: string }>("send_tips", ({ payload }) =>
      expectTypeOf(payload.userId).toEqualTypeOf<string>(),
    );
  });

  test("a registration with maxAttempts does not compile, since the message carries it", () => {
    // @ts-expect-error -- the message carries maxAttempts
    worker.register("send_tips", () => {}, { maxAttempts: 3 });
  });
});
