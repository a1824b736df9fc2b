import { PermanentError } from "../../../errors.ts";
import type { QueueStats } from "../../../queue/queue.ts";
import { defineCase, type ConformanceCase } from "../../case.ts";
import type { CaseContext } from "../../kit/case-context.ts";
import { expectEqual, expectThat, expectWithin } from "../../kit/expect.ts";
import { job } from "../../kit/messages.ts";
import { needsHops } from "../../kit/skips.ts";
import type { TestClient } from "../../kit/test-client.ts";

type Counts = Pick<QueueStats, "messages" | "inFlight" | "backlog" | "delayed" | "failed">;

/** Waits for the counts of one queue, and notes which of them the provider gives. */
class CountWatch {
  readonly #context: CaseContext;
  readonly #client: TestClient;
  readonly #queue: string;
  readonly #isGiven = new Map<string, boolean>();

  constructor(context: CaseContext, client: TestClient, queue: string) {
    this.#context = context;
    this.#client = client;
    this.#queue = queue;
  }

  /** The counts that the provider does not give. */
  get notGiven(): string[] {
    return [...this.#isGiven].filter(([, isGiven]) => !isGiven).map(([name]) => name);
  }

  /** Waits until every count that the provider gives is as expected. */
  async become(messages: number, inFlight: number, delayed: number, failed: number): Promise<void> {
    const expected: Counts = { messages, inFlight, backlog: messages + inFlight, delayed, failed };
    let seen: Partial<Counts> = {};
    const isReached = async (): Promise<boolean> => {
      seen = await this.#read();
      return Object.entries(expected).every(([name, value]) => {
        const count = seen[name as keyof Counts];
        return count === undefined || count === value;
      });
    };
    const state = (): string => `${JSON.stringify(seen)}; expected ${JSON.stringify(expected)}`;
    await this.#context.waitUntil(`the counts of "${this.#queue}"`, isReached, undefined, state);
  }

  /** Reads the counts. A provider gives a count always or never. */
  async #read(): Promise<Counts> {
    const { messages, inFlight, backlog, delayed, failed } = await this.#client.queue.stats(this.#queue);
    const counts = { messages, inFlight, backlog, delayed, failed };
    for (const [name, value] of Object.entries(counts)) {
      const isGiven = value !== undefined;
      const before = this.#isGiven.get(name) ?? isGiven;
      expectThat(
        `the count ${name}`,
        before === isGiven,
        String(value),
        "a count that is given always or never",
      );
      this.#isGiven.set(name, isGiven);
    }
    return counts;
  }
}

const follow = defineCase({
  requirement: "lifecycle.stats",
  name: "the counts of ready, leased, delayed and dead-lettered messages follow each message",
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect();
    const inbox = context.inbox();
    const counts = new CountWatch(context, client, queue);
    // Long enough to be counted before the message is due.
    const delayMs = 60 * context.timing.unitMs;
    const finish = Promise.withResolvers<void>();
    let ends = 0;
    const handler = inbox.handler(async () => {
      await finish.promise;
      ends += 1;
      if (ends === 1) throw new PermanentError("never");
    });

    await counts.become(0, 0, 0, 0);
    await context.sendMany(client, queue, 3);
    await counts.become(3, 0, 0, 0);
    await client.queue.sendDelayed(queue, job("delayed"), delayMs);
    await counts.become(3, 0, 1, 0);
    const receiver = client.receive(queue, handler, { concurrency: 2 });
    await inbox.waitForRunning(2);
    await counts.become(1, 2, 1, 0);
    const drain = receiver.requestStop();
    finish.resolve();
    await context.waitFor("the drain", drain);
    await counts.become(1, 0, 1, 1);

    expectEqual("runs", inbox.arrivals.length, 2);
    if (counts.notGiven.length > 0) context.notes.push(`not given: ${counts.notGiven.join(", ")}`);
    const { asOf } = await client.queue.stats(queue);
    const [now, { patienceMs }] = [context.now(), context.timing];
    expectWithin("the time of the counts", asOf.getTime(), now - patienceMs, now + patienceMs);
  },
});

const delayed = defineCase({
  requirement: "lifecycle.stats",
  name: "a delayed message beyond the limits counts as delayed until it is moved to its queue",
  skip: needsHops,
  async run(context) {
    const { unitMs } = context.timing;
    const queue = await context.makeQueue();
    const client = await context.connect({ limits: { nativeDelayMs: 0, maxHopMs: unitMs } });
    const inbox = context.inbox();
    const counts = new CountWatch(context, client, queue);

    // Long enough to be counted twice before the message is due.
    await client.queue.sendDelayed(queue, job(), 8 * unitMs);
    await counts.become(0, 0, 1, 0);
    const receiver = client.receive(queue, inbox.handler());
    await context.pass(1.5 * unitMs);
    await counts.become(0, 0, 1, 0);
    await inbox.waitForMessages(1);
    await receiver.stop();
    await counts.become(0, 0, 0, 0);
  },
});

export const statsCases: readonly ConformanceCase[] = [follow, delayed];
