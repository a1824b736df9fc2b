import type { DeadLetter, RedriveOptions, RedriveResult } from "../../queue/dead-letters.ts";
import { PermanentError } from "../../errors.ts";
import type { CaseContext } from "./case-context.ts";
import { expectEqual, expectThat } from "./expect.ts";
import type { TestClient } from "./test-client.ts";

/** Lists the dead letters of a queue once there are `count` of them, and asserts that there are no more. */
export async function waitForDeadLetters(
  context: CaseContext,
  client: TestClient,
  queue: string,
  count: number,
): Promise<DeadLetter[]> {
  const startedAt = context.now();
  for (;;) {
    const found = await listDeadLetters(context, client, queue);
    const waitedMs = context.now() - startedAt;
    if (found.length === count) return found;
    if (found.length > count || waitedMs >= context.timing.patienceMs) {
      const counts = await countsOf(context, client, queue);
      const actual = `${found.length} after a wait of ${Math.round(waitedMs)} ms (${counts})`;
      expectThat(`dead letters of "${queue}"`, false, actual, String(count));
    }
    await context.pass(context.timing.unitMs / 10);
  }
}

/** Waits for the only dead letter of a queue. */
export async function waitForDeadLetter(
  context: CaseContext,
  client: TestClient,
  queue: string,
): Promise<DeadLetter> {
  const [first] = await waitForDeadLetters(context, client, queue, 1);
  return first as DeadLetter;
}

/** Lists the dead letters of a queue as they are now. */
export function listDeadLetters(
  context: CaseContext,
  client: TestClient,
  queue: string,
): Promise<DeadLetter[]> {
  return context.waitFor(`a list of the dead letters of "${queue}"`, client.queue.deadLetters(queue).list());
}

/**
 * Redrives dead letters of a queue, and asserts what became of them. The message of a failure names the errors of
 * single dead letters and the counts of the queue, since a scan of dead letters ends when `stats` reports an empty queue.
 */
export async function redrive(
  context: CaseContext,
  client: TestClient,
  queue: string,
  expected: RedriveResult,
  options: RedriveOptions = {},
): Promise<void> {
  const errors: string[] = [];
  const work = client.queue.deadLetters(queue).redrive({
    ...options,
    onMessage: (step) => {
      options.onMessage?.(step);
      if (step.error instanceof Error) errors.push(step.error.message);
    },
  });
  const result = await context.waitFor(`a redrive of "${queue}"`, work);
  const isExpected = Object.entries(expected).every(
    ([name, count]) => result[name as keyof RedriveResult] === count,
  );
  if (isExpected) return;
  const counts = await countsOf(context, client, queue);
  const actual = [JSON.stringify(result), counts, ...errors].join("; ");
  expectThat(`a redrive of "${queue}"`, false, actual, JSON.stringify(expected));
}

/** The result of a redrive in which every dead letter is sent. */
export function allRedriven(count: number): RedriveResult {
  return { matched: count, redriven: count, skipped: 0, failed: 0 };
}

/** A queue with dead letters and without a receiver. */
export interface DeadLettered {
  readonly queue: string;
  readonly client: TestClient;
  readonly ids: readonly string[];
}

/** Creates a queue with this many dead letters. Their types are `even` and `odd` in turn. */
export async function makeDeadLetters(
  context: CaseContext,
  count: number,
  errorOf: (index: number) => string = () => "never",
): Promise<DeadLettered> {
  const queue = await context.makeQueue();
  const client = await context.connect();
  const typeOf = (index: number): string => (index % 2 === 0 ? "even" : "odd");
  const ids = await context.sendMany(client, queue, count, (index) => ({ type: typeOf(index) }));
  const inbox = context.inbox();
  const handler = inbox.handler(({ message }) => {
    throw new PermanentError(errorOf(ids.indexOf(message.id)));
  });
  const receiver = client.receive(queue, handler, { concurrency: 2 });
  await waitForDeadLetters(context, client, queue, count);
  await receiver.stop();
  return { queue, client, ids };
}

/** Asserts the reason and other fields of a dead letter. */
export function expectInfo(
  { info }: DeadLetter,
  expected: Partial<Omit<DeadLetter["info"], "at" | "firstSeenAt">>,
): void {
  for (const [name, value] of Object.entries(expected)) {
    expectEqual(`the ${name} of the dead letter`, info[name as keyof typeof expected], value);
  }
}

/** The counts that `stats` reports, for the message of a failure. */
async function countsOf(context: CaseContext, client: TestClient, queue: string): Promise<string> {
  const ofQueue = context.waitFor("the counts", client.queue.stats(queue));
  const text = await ofQueue.then(
    ({ messages, inFlight, delayed, failed }) => JSON.stringify({ messages, inFlight, delayed, failed }),
    (error: unknown) => String(error),
  );
  return `stats of the queue: ${text}`;
}
