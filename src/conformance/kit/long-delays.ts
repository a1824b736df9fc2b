import type { Limits } from "../../driver/limits.ts";
import type { CaseContext } from "./case-context.ts";
import { expectAtLeast, expectAtMost, expectEqual } from "./expect.ts";
import type { Inbox } from "./inbox.ts";
import { job } from "./messages.ts";
import type { TestClient, TestReceiver } from "./test-client.ts";

/** A delayed send, and what happens until the message is due. */
export interface LongDelay {
  readonly limits: Partial<Limits>;
  readonly delayMs: number;
  /** Time after the send during which no process receives. Without it, two processes in turn receive on the way. */
  readonly unattendedMs?: number | undefined;
  /** Smallest number of times that the message is sent to its delay queue again. @default 0 */
  readonly renewals?: number | undefined;
}

/** Limits that are reached after one unit of time. */
export function shortHops(unitMs: number): Partial<Limits> {
  return { nativeDelayMs: unitMs, maxHopMs: unitMs, maxReleaseDelayMs: unitMs };
}

/**
 * Sends a delayed message, ends every process, and lets time pass without a process or with others. Asserts when the
 * message arrives, as which attempt, and how often it was sent on the way.
 */
export async function arrivesOnTime(context: CaseContext, delayed: LongDelay): Promise<void> {
  const { limits, delayMs, unattendedMs, renewals = 0 } = delayed;
  const queue = await context.makeQueue({ maxAttempts: 1 });
  const sender = await context.connect({ limits });
  const inbox = context.inbox();
  const watch = new SendWatch(context, queue, limits);

  const sentAt = context.now();
  const { id } = await sender.queue.sendDelayed(queue, { ...job(), maxAttempts: 1 }, delayMs);
  const acceptedAt = context.now();
  const dueAt = sentAt + delayMs;
  await sender.close();
  // A drain that ends after the due time may have received the message in its last poll, and then releases it unstarted.
  let endedInTime = true;
  if (unattendedMs === undefined) endedInTime = await receiveInTurn(context, watch, inbox, delayMs, dueAt);
  else await context.pass(unattendedMs);
  if (inbox.size === 0) await watch.receive(inbox);
  await inbox.waitForRunsOf(id, 1, delayMs + context.timing.patienceMs);
  await context.pass(context.leaseMs + context.lateMs);

  const excusedMs = acceptedAt - sentAt + Math.max(0, watch.startedAt - dueAt);
  context.expectOnTime("the message", inbox.of(id)[0]!.at, dueAt, context.lateMs + excusedMs);
  expectEqual("runs of the message", inbox.count(id), 1);
  if (!endedInTime) {
    // Each of the two drains may have released the message by a copy.
    expectAtMost("sends to the queue", watch.moves, 3);
    return;
  }
  expectAtMost("sends to the queue", watch.moves, 1);
  expectEqual("attempts", inbox.attempts(id), [1]);
  expectAtLeast("renewals in the delay queue", watch.renewals, renewals);
}

/** Receives with two processes in turn. Returns whether both ended before the message was due. */
async function receiveInTurn(
  context: CaseContext,
  watch: SendWatch,
  inbox: Inbox,
  delayMs: number,
  dueAt: number,
): Promise<boolean> {
  let endedInTime = true;
  for (let share = 0; share < 2 && inbox.size === 0; share += 1) {
    const { client, receiver } = await watch.receive(inbox);
    await context.pass(delayMs * 0.3);
    await receiver.stop();
    await client.close();
    endedInTime &&= context.now() < dueAt;
  }
  return endedInTime;
}

/** Starts receivers, and counts how often they send the message on. */
class SendWatch {
  /** Sends to the queue itself. */
  moves = 0;
  /** Sends to the delay queue. */
  renewals = 0;
  /** Start of the latest receiver, in epoch milliseconds. */
  startedAt = 0;
  readonly #context: CaseContext;
  readonly #queue: string;
  readonly #limits: Partial<Limits>;

  constructor(context: CaseContext, queue: string, limits: Partial<Limits>) {
    this.#context = context;
    this.#queue = queue;
    this.#limits = limits;
  }

  async receive(inbox: Inbox): Promise<{ readonly client: TestClient; readonly receiver: TestReceiver }> {
    const client = await this.#context.connect({ limits: this.#limits });
    client.interceptors.send = (to, messages, pass) => {
      if (to === this.#queue) this.moves += messages.length;
      else this.renewals += messages.length;
      return pass(messages);
    };
    this.startedAt = this.#context.now();
    return { client, receiver: client.receive(this.#queue, inbox.handler()) };
  }
}
