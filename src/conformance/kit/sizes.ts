import type { Attributes } from "../../driver/contract.ts";
import type { Limits } from "../../driver/limits.ts";
import { messageBytes } from "../../driver/size.ts";
import { isQueueError, PermanentError } from "../../errors.ts";
import type { CaseContext } from "./case-context.ts";
import { expectInfo, waitForDeadLetter } from "./dead-letters.ts";
import { expectThat } from "./expect.ts";
import { job } from "./messages.ts";
import { never } from "./source.ts";
import type { TestClient } from "./test-client.ts";

/** Bytes of each size limit that stay free for the attributes of a dead letter. */
export const RESERVED_BYTES = 4_096;
/** Size of the largest message where the provider has no limit. */
const LARGE_BYTES = 10_485_760;
/** Number of attributes where the provider has no limit. */
const MANY_ATTRIBUTES = 100;
const STEP_BYTES = 64;
const MOST_STEPS = 1_000;

/** Returns the size of the largest message, in bytes. */
export function largestBytes(limits: Limits): number {
  return Math.min(limits.maxMessageBytes, limits.maxBatchBytes, LARGE_BYTES);
}

/** Sends the largest payload of `x` that the core accepts, and returns its length. */
export async function sendLargest(client: TestClient, queue: string, mostBytes: number): Promise<number> {
  for (let step = 0; step < MOST_STEPS; step += 1) {
    const size = mostBytes - step * STEP_BYTES;
    try {
      await client.queue.send(queue, job("x".repeat(size)));
      return size;
    } catch (error) {
      if (!isQueueError(error, "too_large")) throw error;
    }
  }
  throw new Error(`no message of nearly ${mostBytes} bytes could be sent`);
}

/** Sends a message of the full size with the most attributes allowed, and returns both. */
export async function sendFull(
  { declared: { limits } }: CaseContext,
  client: TestClient,
  queue: string,
): Promise<{ readonly body: string; readonly attributes: Attributes }> {
  const attributes: Record<string, string> = { type: "job" };
  const count = Math.min(limits.maxAttributes, MANY_ATTRIBUTES);
  for (let index = 1; index < count; index += 1) attributes[`a${index}`] = `value ${index} äö`;
  const empty = JSON.stringify({ type: "job", payload: "" });
  const fill = largestBytes(limits) - RESERVED_BYTES - messageBytes(empty, attributes, limits);
  const body = JSON.stringify({ type: "job", payload: "x".repeat(fill) });
  const [sent] = await client.driver.send(queue, [{ body, attributes, delayMs: 0, dedupId: "full" }], never);
  expectThat("the send", sent?.ok === true, sent?.ok === false ? String(sent.error) : "no result", "success");
  return { body, attributes };
}

/** Dead-letters the only message of a queue by a permanent error. */
export async function deadLetterIt(context: CaseContext, client: TestClient, queue: string): Promise<void> {
  const receiver = client.receive(queue, async () => {
    throw new PermanentError("too much for me");
  });
  const deadLetter = await waitForDeadLetter(context, client, queue);
  await receiver.stop();
  expectInfo(deadLetter, { reason: "permanent_error", error: "PermanentError: too much for me" });
}

/** Asserts that a long body is unchanged. The message of a failure gives its lengths and not its bytes. */
export function expectBody(subject: string, actual: unknown, expected: string): void {
  const [got, wanted] = [Buffer.from(actual as string), Buffer.from(expected)];
  const differsAt = wanted.findIndex((byte, index) => got[index] !== byte);
  const where = differsAt < 0 ? "the same bytes and more" : `the first difference is at byte ${differsAt}`;
  expectThat(
    subject,
    got.equals(wanted),
    `${got.length} bytes, ${where}`,
    `the ${wanted.length} bytes as sent`,
  );
}
