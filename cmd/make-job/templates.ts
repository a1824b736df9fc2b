/** What a job is called, in each of the places where it has a name. */
export interface JobNames {
  /** `ProcessPayment`. */
  readonly pascal: string;
  /** `processPayment`: the definition. */
  readonly camel: string;
  /** `processPaymentJob`: the definition with its handler. */
  readonly handled: string;
  /** `process_payment`: the type that travels. */
  readonly type: string;
  /** `process-payment`: the files. */
  readonly kebab: string;
}

/** One file to write. */
export interface MadeFile {
  readonly name: string;
  readonly content: string;
}

/** What JavaScript keeps for itself, and what the files below call something else. */
const TAKEN: ReadonlySet<string> = new Set(
  `arguments await break case catch class const continue debugger default delete do else enum eval export extends
  false finally for function if implements import in instanceof interface let new null package private
  protected public return static super switch this throw true try typeof undefined var void while with yield
  assert clock createQueue defineJob handle jobs logger memory payload queue recordJobs runUntilIdle signal test z`.split(
    /\s+/,
  ),
);

/** The names of a job, whether it was given as `ProcessPaymentJob`, `processPayment` or `process-payment`. */
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

/** A definition, its handler, and a test that runs it: they compile and pass as they are. */
export function jobFiles(names: JobNames): readonly MadeFile[] {
  return [
    { name: `${names.kebab}.job.ts`, content: definition(names) },
    { name: `${names.kebab}.handler.ts`, content: handler(names) },
    { name: `${names.kebab}.test.ts`, content: test(names) },
  ];
}

/** Where one of the files is, for another. */
function fileOf(kebab: string, part: "job" | "handler"): string {
  return JSON.stringify(`./${kebab}.${part}.ts`);
}

function definition({ camel, pascal, type }: JobNames): string {
  return `import { defineJob } from "queueport";
import { z } from "zod";

/** What the job needs to know. Keep it small: send a reference to what is large. */
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
 * Does the job. It may run again after a failure or a crash: what was done once must not harm when done twice.
 * Throw to have it tried again, PermanentError where that can never help, RetryAfterError to choose when.
 */
async function handle(
  { payload }: Message<${pascal}Payload>,
  { signal, logger }: JobContext,
): Promise<void> {
  signal.throwIfAborted();
  // The work goes here; hand the signal on to whatever can be stopped.
  logger.info({ id: payload.id }, "done");
}

/** For a handlers module: export { ${handled} } from ${fileOf(kebab, "handler")}. */
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

test("${type} is done", async () => {
  const clock = new FakeClock();
  const queue = createQueue(memory({ clock }), { clock });
  const jobs = recordJobs(queue);

  await queue.send("jobs", ${camel}.message({ id: "1" }));
  await runUntilIdle(new Worker(queue).register(${camel}, ${handled}.handler), "jobs", { clock });

  jobs.assertCompleted("${type}", 1);
  jobs.close();
  await queue.close();
});

test("${type} is not sent with a payload that is wrong", async () => {
  const queue = createQueue(memory());
  // @ts-expect-error -- an id is a string
  await assert.rejects(queue.send("jobs", ${camel}.message({ id: 1 })), { code: "invalid_payload" });
  await queue.close();
});
`;
}
