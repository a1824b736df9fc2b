import { type BackoffOptions, checkBackoff, defaultBackoff, mergeBackoff } from "../backoff.ts";
import { type Duration, optionalMs } from "../lib/duration.ts";
import { type Clock, systemClock } from "../lib/clock.ts";
import { CoreQueue } from "./core-queue.ts";
import { defaults } from "../defaults.ts";
import type { DelayStore } from "../delay/store.ts";
import type { Driver } from "../driver/contract.ts";
import { QueueError } from "../errors.ts";
import type { Queue } from "../queue/queue.ts";
import { show } from "../lib/text.ts";

/** What holds for everything that one queue connection sends and receives. */
export interface QueueOptions {
  /** @default the defaults' backoff: full jitter, base 1 s, factor 2, cap 5 min */
  readonly backoff?: BackoffOptions | undefined;
  /** How long a send may take, in milliseconds, unless it says otherwise. @default 30000 */
  readonly sendDeadlineMs?: Duration | undefined;
  /** The driver's, where that has one. @default the driver's clock, else the machine's */
  readonly clock?: Clock | undefined;
  /** Where delayed messages wait, instead of in the provider's queues; closed with the queue. */
  readonly delayStore?: DelayStore | undefined;
  /** Evenly distributed in [0, 1). @default Math.random */
  readonly random?: (() => number) | undefined;
}

/**
 * Puts the portable core on a driver.
 *
 * @example
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
      "createQueue was given another clock than its driver waits by: what the one delays, the other never sees due. Give the clock to the driver alone.",
    );
  }
  return new CoreQueue(driver, {
    backoff: mergeBackoff(defaultBackoff, backoff),
    sendDeadlineMs,
    clock,
    random,
    delayStore,
  });
}
