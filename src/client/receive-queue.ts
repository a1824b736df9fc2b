import { type Backoff, backoffDelayMs, requestBackoff } from "../backoff.ts";
import { sleep } from "../lib/clock.ts";
import { type Connection, queueError } from "../transport/connection.ts";
import { defaults } from "../defaults.ts";
import type { Delays } from "../delay/delays.ts";
import { pumpQueue } from "../delay/pump-queue.ts";
import type { ReceiveEvent } from "../diagnostics.ts";
import type { DriverError } from "../driver/error.ts";
import { isRetryable } from "../driver/error.ts";
import type { QueueTraits } from "../driver/limits.ts";
import { QueueError } from "../errors.ts";
import type { Interceptor } from "../queue/interceptor.ts";
import type { ManagedHandler, ManagedReceiveOptions } from "../queue/managed-receive.ts";
import type { Sender } from "../send/sender.ts";
import { unlessAborted, within } from "../lib/wait.ts";
import { crashLoopAt } from "../queue/crash-loop.ts";
import { shutdownMs } from "../receive/drain.ts";
import { agreeLease, receiveSettings } from "../receive/options.ts";
import { Receiver } from "../receive/receiver.ts";
import { aroundRuns } from "../receive/receiving-hook.ts";
import { Reporter } from "../receive/reporter.ts";

/** The parts of a queue that a receiver needs, and the arguments of `receive`. */
export interface ReceiveQueueOptions {
  readonly connection: Connection;
  readonly sender: Sender;
  readonly delays: Delays | undefined;
  readonly queue: string;
  readonly handler: ManagedHandler;
  readonly options: ManagedReceiveOptions;
  readonly backoff: Backoff;
  readonly interceptors: readonly Interceptor[];
  /** Aborts when the queue closes. */
  readonly closing: AbortSignal;
}

const RETRY = requestBackoff(500, 30_000);

/**
 * Receives one queue and moves its delayed messages on, until it is stopped and drained. Implements `Queue.receive`.
 */
export async function receiveQueue(receive: ReceiveQueueOptions): Promise<void> {
  const { connection, sender, delays, queue, options, backoff, interceptors, closing } = receive;
  const settings = receiveSettings(queue, options, backoff);
  const reporter = new Reporter(connection, queue, options.onEvent);
  const warn = (code: string, message: string): void => reporter.warn(code, message);
  const handler = aroundRuns(receive.handler, interceptors, connection.format?.codec, connection.clock, warn);
  const stop = options.signal === undefined ? closing : AbortSignal.any([options.signal, closing]);
  const traits = await describe(receive, reporter, stop);
  if (traits === undefined) return;
  checkCounting(queue, traits, options, reporter, connection.driver.provider);
  void lookForDeadLetters(queue, traits, connection, reporter);
  const agreed = agreeLease(queue, settings, traits, connection.limits);
  const receiver = new Receiver({ connection, sender, queue, traits, handler, settings: agreed, options });
  const pumping = new AbortController();
  const report = (event: ReceiveEvent): void => reporter.report(event);
  const pump = pumpQueue({ connection, sender, delays, queue, traits, report, stop: pumping.signal });
  let pumped: Promise<void> | undefined;
  const stopPump = (): void => {
    pumping.abort(stop.reason);
    // Bounded as the drain is, which ends at the same time.
    pumped ??= within(connection.clock, shutdownMs(agreed, connection.limits), pump, () => undefined);
  };
  stop.addEventListener("abort", stopPump, { once: true });
  if (stop.aborted) stopPump();
  try {
    await receiver.run(stop);
  } finally {
    stop.removeEventListener("abort", stopPump);
    stopPump();
    await pumped;
  }
}

/**
 * Describes the queue, with retries until there is an answer: a worker that starts while the provider cannot be reached
 * begins to work when the provider is back. Returns undefined if `stop` aborts.
 */
async function describe(
  { connection, queue }: ReceiveQueueOptions,
  reporter: Reporter,
  stop: AbortSignal,
): Promise<QueueTraits | undefined> {
  for (let failures = 1; !stop.aborted; failures += 1) {
    try {
      return await unlessAborted(connection.traits(queue), stop);
    } catch (cause) {
      const error = cause as DriverError;
      if (!isRetryable(error.kind)) throw queueError(error, queue, "receive", connection.driver.provider);
      const retryInMs = backoffDelayMs(RETRY, failures, connection.random);
      reporter.report({ event: "poll_failed", queue, error, kind: error.kind, retryInMs });
      await sleep(connection.clock, retryInMs, stop);
    }
  }
  return undefined;
}

/**
 * Looks for the dead-letter queue, and warns if there is none: a job that has used up its attempts could not be moved.
 * A provider that cannot be reached now is no reason to warn. Neither is a worker that may not look: the permission to
 * send is another one.
 */
async function lookForDeadLetters(
  queue: string,
  { deadLetter, deadLetterQueue }: QueueTraits,
  connection: Connection,
  reporter: Reporter,
): Promise<void> {
  if (deadLetter === "native") return;
  try {
    await connection.traits(deadLetterQueue);
  } catch (cause) {
    const { kind, message } = cause as DriverError;
    if (isRetryable(kind) || kind === "auth") return;
    reporter.warn(
      "dead_letter_queue",
      `The dead-letter queue "${deadLetterQueue}" of queue "${queue}" cannot be used (${kind}): ${message.replace(/\.$/, "")}. Jobs that have used up their attempts would stay in the queue, and not run. Create that queue, as queue.ensure does.`,
    );
  }
}

/**
 * Checks the broker's count of deliveries, from which attempts are calculated. Refuses a queue without a count, or whose
 * messages have several receivers while runs are tracked, and
 * warns if the broker would dead-letter messages before queueport does.
 */
function checkCounting(
  queue: string,
  traits: QueueTraits,
  { allowUncounted = false, maxAttempts = defaults.maxAttempts, tracker }: ManagedReceiveOptions,
  reporter: Reporter,
  provider: string,
): void {
  const { countsDeliveries, brokerMaxDeliveries, target } = traits;
  // The second receiver would find the job of the first, and acknowledge its own copy unseen.
  if (tracker !== undefined && target !== undefined) {
    throw new QueueError(
      "not_supported",
      `Queue "${queue}" (${provider}) has several receivers, each of which gets every message, so a job would have several runs and one record. Use a plain Worker there, or give each receiver a queue of its own.`,
      { queue },
    );
  }
  if (!countsDeliveries && !allowUncounted) {
    throw new QueueError(
      "not_supported",
      `Queue "${queue}" (${provider}) does not count deliveries, so attempts cannot be counted. Give it a dead-letter policy (ensure does), or receive with allowUncounted: true, without maxAttempts and the crash-loop guard.`,
      { queue },
    );
  }
  const guard = crashLoopAt(maxAttempts, traits.ordering === "by_key");
  if (brokerMaxDeliveries !== undefined && brokerMaxDeliveries <= guard) {
    reporter.warn(
      "broker_limit",
      `The broker dead-letters messages of queue "${queue}" on its own after ${brokerMaxDeliveries} deliveries, without a reason; queueport would after ${guard} (maxAttempts ${maxAttempts}). Raise the broker's limit above ${guard}.`,
    );
  }
}
