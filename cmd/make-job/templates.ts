/** The names of one job. */
export interface JobNames {
  /** `ProcessPayment`. */
  readonly pascal: string;
  /** `processPayment`: the variable that holds the definition. */
  readonly camel: string;
  /** `processPaymentJob`: the variable that holds the definition with its handler. */
  readonly handled: string;
  /** `process_payment`: the job type, which is part of the message. */
  readonly type: string;
  /** `process-payment`: the prefix of the file names. */
  readonly kebab: string;
}

/** A file to write. */
export interface JobFile {
  readonly name: string;
  readonly content: string;
}

/** Names that a variable of the files cannot have: reserved words, and names that the files use otherwise. */
const TAKEN: ReadonlySet<string> = new Set(
  `arguments await break case catch class const continue debugger default delete do else enum eval export extends
  false finally for function if implements import in instanceof interface let new null package private
  protected public return static super switch this throw true try typeof undefined var void while with yield
  assert clock createQueue defineJob handle jobs logger memory payload queue recordJobs runUntilIdle signal test z`.split(
    /\s+/,
  ),
);

/** The names of a job. `given` may be `ProcessPaymentJob`, `processPayment` or `process-payment`; otherwise undefined. */
export function jobNames(given: string): JobNames | undefined {
  if (!/^[A-Za-z][A-Za-z0-9_-]*$/.test(given)) return undefined;
  const words = given
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replaceAll(/([A-Z])([A-Z][a-z])/g, "$1 $2")
    .split(/[\s_-]+/)
    .filter((word) => word !== "")
    .map((word) => word.toLowerCase());
  if (words.length > 1 && words.at(-1) === "job") words.pop();
  const pascal = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
  const camel = pascal.charAt(0).toLowerCase() + pascal.slice(1);
  const isTaken = TAKEN.has(camel);
  return {
    pascal,
    camel: isTaken ? `${camel}Job` : camel,
    handled: isTaken ? `${camel}JobHandled` : `${camel}Job`,
    type: words.join("_"),
    kebab: words.join("-"),
  };
}

/** A definition, its handler, and a test that runs it. The files compile and the test passes without changes. */
export function jobFiles(names: JobNames): readonly JobFile[] {
  return [
    { name: `${names.kebab}.job.ts`, content: definition(names) },
    { name: `${names.kebab}.handler.ts`, content: handler(names) },
    { name: `${names.kebab}.test.ts`, content: test(names) },
  ];
}

/** The import path from one of the files to another. */
function fileOf(kebab: string, part: "job" | "handler"): string {
  return JSON.stringify(`./${kebab}.${part}.ts`);
}

function definition({ camel, pascal, type }: JobNames): string {
  return `import { defineJob } from "queueport";
import { z } from "zod";

/** The data of one job. Keep it small: send a reference to large data. */
export const ${camel}Payload = z.object({ id: z.string() });

export type ${pascal}Payload = z.infer<typeof ${camel}Payload>;

/** Sent with queue.send("<queue>", ${camel}.message({ id })). */
export const ${camel} = defineJob({
  type: "${type}",
  schema: ${camel}Payload,
  maxAttempts: 3,
  timeoutMs: 60_000,
});
`;
}

function handler({ camel, handled, pascal, kebab }: JobNames): string {
  return `import type { JobContext, Message } from "queueport";
import { ${camel}, type ${pascal}Payload } from ${fileOf(kebab, "job")};

/**
 * Runs the job. It may run more than once, after a failure or a crash, so a second run must do no harm. An error that it
 * throws causes a retry; a PermanentError causes none; a RetryAfterError sets the time of the retry.
 */
async function handle(
  { payload }: Message<${pascal}Payload>,
  { signal, logger }: JobContext,
): Promise<void> {
  signal.throwIfAborted();
  // Do the work here. Pass the signal to every call that can be cancelled.
  logger.info({ payloadId: payload.id }, "done"); // The logger adds the id of the job.
}

/** The job with its handler. In a handlers module: export { ${handled} } from ${fileOf(kebab, "handler")}. */
export const ${handled} = { ...${camel}, handler: handle };
`;
}

function test({ camel, handled, kebab, type }: JobNames): string {
  return `import assert from "node:assert/strict";
import { test } from "node:test";
import { createQueue, Worker } from "queueport";
import { memory } from "queueport/memory";
import { FakeClock, recordJobs, runUntilIdle } from "queueport/testing";
import { ${handled} } from ${fileOf(kebab, "handler")};
import { ${camel} } from ${fileOf(kebab, "job")};

test("${type} completes", async () => {
  const clock = new FakeClock();
  const queue = createQueue(memory({ clock }), { clock });
  const jobs = recordJobs(queue);

  await queue.send("jobs", ${camel}.message({ id: "1" }));
  await runUntilIdle(new Worker(queue).register(${camel}, ${handled}.handler), "jobs", { clock });

  jobs.assertCompleted("${type}", 1);
  jobs.close();
  await queue.close();
});

test("${type} with an invalid payload is not sent", async () => {
  const queue = createQueue(memory());
  // @ts-expect-error -- an id is a string
  await assert.rejects(queue.send("jobs", ${camel}.message({ id: 1 })), { code: "invalid_payload" });
  await queue.close();
});
`;
}
