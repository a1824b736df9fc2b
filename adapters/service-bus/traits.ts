import {
  type Clock,
  DriverError,
  type DriverStats,
  type QueueTraits,
  siblingQueue,
} from "../../src/driver/index.ts";
import type { Clients } from "./clients.ts";
import { classify, driverError } from "./errors.ts";
import { deadLetterName, type Entity, type QueueNames } from "./names.ts";
import { durationMs } from "./time.ts";

/** What has to be known of a queue to receive from it. */
export interface Description {
  readonly sessions: boolean;
  readonly dedupWindowMs: number;
  readonly lockMs: number;
  /** Whether the service, or the configuration, has said how long locks last. */
  readonly isLockKnown: boolean;
  readonly maxDeliveryCount: number;
}

/** The service's own defaults, but for the lock, where too short a guess only costs an extension more. */
const GUESS = { lockMs: 30_000, maxDeliveryCount: 10 };
const ADMIN_TIMEOUT_MS = 5_000;
/** An administration interface that may not be asked is left alone for so long. */
const ASK_AGAIN_MS = 300_000;
/** One that fails otherwise is asked again for so long before a guess has to do: it may be closed off for good. */
const PATIENCE_MS = 60_000;

/** Describes queues: by the administration client where it may be asked, else by what the configuration says. */
export class Descriptions {
  readonly #clients: Clients;
  readonly #names: QueueNames;
  readonly #clock: Clock;
  readonly #known = new Map<string, Promise<Description>>();
  #silentUntil = 0;
  /** Since when it has failed without saying that it may not be asked, and when last. */
  #failing: { readonly since: number; readonly last: number } | undefined;

  constructor(clients: Clients, names: QueueNames, clock: Clock) {
    this.#clients = clients;
    this.#names = names;
    this.#clock = clock;
  }

  /** Asked for once. @throws DriverError `not_found` ... */
  of(entity: Entity): Promise<Description> {
    const { name } = entity;
    let description = this.#known.get(name);
    if (description === undefined) {
      description = this.#describe(entity);
      this.#known.set(name, description);
      description.catch(() => this.#known.delete(name));
    }
    return description;
  }

  forget(name: string): void {
    this.#known.delete(name);
  }

  async #describe(entity: Entity): Promise<Description> {
    const { sessions, dedupWindowMs, lockMs, maxDeliveryCount } = this.#names.facts(entity.queue);
    const found = await this.#ask(entity, sessions !== undefined);
    if (found === undefined) await this.#assertExists(entity);
    return {
      sessions: found?.sessions ?? sessions ?? false,
      dedupWindowMs: found?.dedupWindowMs ?? dedupWindowMs ?? 0,
      lockMs: found?.lockMs ?? lockMs ?? GUESS.lockMs,
      isLockKnown: found !== undefined || lockMs !== undefined,
      maxDeliveryCount: found?.maxDeliveryCount ?? maxDeliveryCount ?? GUESS.maxDeliveryCount,
    };
  }

  /**
   * Undefined where the administration interface gives no answer. To guess is to guess whether there are sessions,
   * unless that is said.
   * @throws DriverError `transient` where it may answer if it is asked again
   */
  async #ask({ name }: Entity, isSaid: boolean): Promise<Omit<Description, "isLockKnown"> | undefined> {
    const { admin } = this.#clients;
    if (admin === undefined || this.#clock.now() < this.#silentUntil) return undefined;
    try {
      const queue = await admin.getQueue(name, { requestOptions: { timeout: ADMIN_TIMEOUT_MS } });
      this.#failing = undefined;
      return {
        sessions: queue.requiresSession,
        dedupWindowMs: queue.requiresDuplicateDetection
          ? durationMs(queue.duplicateDetectionHistoryTimeWindow)
          : 0,
        lockMs: durationMs(queue.lockDuration),
        maxDeliveryCount: queue.maxDeliveryCount,
      };
    } catch (error) {
      const failure = driverError(error, `Reading the queue ${name}`, "Manage");
      if (failure.kind === "not_found") throw failure;
      const now = this.#clock.now();
      const mayNot = failure.kind === "auth" || isRefused(error);
      if (!mayNot && isSaid) return undefined;
      if (!mayNot && this.#mayRecover(now))
        throw new DriverError(
          "transient",
          `${failure.message}. Where the administration interface may not be asked, say sessions of the queue in the configuration`,
          { cause: error },
        );
      this.#silentUntil = now + ASK_AGAIN_MS;
      return undefined;
    }
  }

  /** Whether it has not failed for long enough, and all the while. */
  #mayRecover(now: number): boolean {
    const { since, last } = this.#failing ?? { since: now, last: now };
    const isNew = now - last > PATIENCE_MS;
    this.#failing = { since: isNew ? now : since, last: now };
    return isNew || now - since < PATIENCE_MS;
  }

  /** By a link to it: who may not send may look. */
  async #assertExists({ name }: Entity): Promise<void> {
    const sender = this.#clients.messages.createSender(name);
    try {
      await sender.createMessageBatch();
    } catch (error) {
      if (classify(error) !== "auth") throw driverError(error, `Opening the queue ${name}`, "Send");
      const receiver = this.#clients.messages.createReceiver(name);
      try {
        await receiver.peekMessages(1);
      } catch (denied) {
        throw driverError(denied, `Looking at the queue ${name}`, "Listen");
      } finally {
        await receiver.close();
      }
    } finally {
      await sender.close().catch(() => undefined);
    }
  }
}

/** Nobody listens there: an emulator may have no such interface. */
function isRefused(error: unknown): boolean {
  return /ECONNREFUSED/.test(String((error as { code?: unknown }).code) + String(error));
}

export function traitsOf(entity: Entity, description: Description, nativeDelayMs: number): QueueTraits {
  const { sessions, dedupWindowMs, lockMs, maxDeliveryCount } = description;
  // A dead-letter sub-queue has no sessions, whatever its queue has; nothing is sent to it.
  const isOrdered = sessions && !entity.isDeadLetters;
  return {
    ordering: isOrdered ? "by_key" : "none",
    orderingKeyRequired: isOrdered,
    dedupWindowMs: entity.isDeadLetters ? 0 : dedupWindowMs,
    deadLetter: "native",
    deadLetterQueue: deadLetterName(entity),
    delayQueue: siblingQueue(entity.queue, "-delay"),
    nativeDelayMs,
    brokerMaxDeliveries: entity.isDeadLetters ? undefined : maxDeliveryCount,
    fixedLeaseMs: lockMs,
    countsDeliveries: true,
  };
}

/**
 * What the service counts. Its "active" messages are ready ones and locked ones together, which nobody can tell apart.
 */
export async function readStats(clients: Clients, entity: Entity, clock: Clock): Promise<DriverStats> {
  const unknown = { approximate: true, asOf: clock.now() };
  const { admin } = clients;
  if (admin === undefined) return unknown;
  try {
    const counts = await admin.getQueueRuntimeProperties(entity.name, {
      requestOptions: { timeout: ADMIN_TIMEOUT_MS },
    });
    const { activeMessageCount, scheduledMessageCount, deadLetterMessageCount } = counts;
    const told = { approximate: false, asOf: clock.now() };
    if (entity.isDeadLetters) return { backlog: deadLetterMessageCount, delayed: 0, ...told };
    return {
      backlog: activeMessageCount,
      delayed: scheduledMessageCount,
      deadLettered: deadLetterMessageCount,
      ...told,
    };
  } catch (error) {
    const failure = driverError(error, `Reading the counts of ${entity.name}`, "Manage");
    if (failure.kind === "not_found" || failure.kind === "throttled") throw failure;
    if (failure instanceof DriverError) return unknown;
    throw failure;
  }
}
