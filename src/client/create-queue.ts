import { type BackoffOptions, checkBackoff, defaultBackoff, mergeBackoff } from "../backoff.ts";
import { type Duration, optionalMs } from "../lib/duration.ts";
import { type Clock, systemClock } from "../lib/clock.ts";
import { CoreQueue } from "./core-queue.ts";
import { formatOf, interceptorsOf, type QueueHooks } from "./queue-hooks.ts";
import { defaults } from "../defaults.ts";
import type { DelayStore } from "../delay/store.ts";
import type { Driver } from "../driver/contract.ts";
import { checkKeys, type KnownKeys, QueueError } from "../errors.ts";
import type { Queue } from "../queue/queue.ts";
import { show } from "../lib/text.ts";

/** The options of {@link createQueue}. */
export interface QueueOptions extends QueueHooks {
  /**
   * The backoff of failed jobs. Workers, job definitions and messages may override it.
   * @default full jitter, base 1 s, factor 2, cap 5 min
   */
  readonly backoff?: BackoffOptions | undefined;
  /**
   * Time after which a send is resolved or rejected, unless it sets another; a number is in milliseconds.
   * @default 30000
   */
  readonly sendDeadlineMs?: Duration | undefined;
  /**
   * The clock for delays, leases and deadlines. Must be the driver's if the driver has one.
   * @default the driver's, else the machine's
   */
  readonly clock?: Clock | undefined;
  /**
   * The store in which delayed messages wait, instead of the provider's queues. It is closed with the queue.
   * @default none
   */
  readonly delayStore?: DelayStore | undefined;
  /** Returns random numbers, evenly distributed in [0, 1). @default Math.random */
  readonly random?: (() => number) | undefined;
}

/** @internal */
export const queueOptionKeys: KnownKeys<QueueOptions> = {
  backoff: true,
  sendDeadlineMs: true,
  clock: true,
  delayStore: true,
  random: true,
  decode: true,
  encode: true,
  codec: true,
  interceptors: true,
  parseJson: true,
};

/**
 * Creates a queue connection on a driver. Makes no request.
 *
 * @throws QueueError `invalid_options` when an option is wrong, `driver` is no driver, or `clock` differs from the
 * driver's
 *
 * @example
 * import { createQueue } from "queueport";
 * import { memory } from "queueport/memory";
 *
 * const queue = createQueue(memory());
 * await queue.send("emails", { type: "send_welcome_email", payload: { userId: "u1" } });
 */
export function createQueue(driver: Driver, options: QueueOptions = {}): Queue {
  if (typeof driver?.open !== "function") {
    throw new QueueError(
      "invalid_options",
      `createQueue takes a driver, such as memory(); got ${show(driver)}. openQueue takes a configuration.`,
    );
  }
  checkKeys("createQueue", options, queueOptionKeys);
  const { backoff, clock = driver.clock ?? systemClock, random = Math.random, delayStore } = options;
  if (backoff !== undefined) checkBackoff(backoff, "createQueue");
  const sendDeadlineMs = optionalMs(options.sendDeadlineMs) ?? defaults.sendDeadlineMs;
  if (!(Number.isFinite(sendDeadlineMs) && sendDeadlineMs > 0)) {
    throw new QueueError(
      "invalid_options",
      `createQueue: sendDeadlineMs must be a finite duration, more than 0 milliseconds; got ${show(options.sendDeadlineMs)}.`,
    );
  }
  if (driver.clock !== undefined && driver.clock !== clock) {
    throw new QueueError(
      "invalid_options",
      "createQueue was given a clock that differs from its driver's: a delay by one clock is never due by the other. Pass the clock to the driver only.",
    );
  }
  return new CoreQueue(driver, {
    backoff: mergeBackoff(defaultBackoff, backoff),
    sendDeadlineMs,
    clock,
    random,
    delayStore,
    format: formatOf(options),
    interceptors: interceptorsOf(options),
  });
}
