import { type Clock, DriverError, optionalMs } from "../../src/driver/index.ts";
import type { Clients } from "./clients.ts";
import { classify, driverError, isThrownBySdk } from "./errors.ts";
import type { Entity, QueueNames } from "./names.ts";
import { durationMs } from "./time.ts";

/** The settings of a queue that its traits depend on. */
export interface Description {
  readonly sessions: boolean;
  /** 0 if duplicate detection is off. */
  readonly dedupWindowMs: number;
  readonly lockMs: number;
  /** False if `lockMs` is a guess. */
  readonly isLockKnown: boolean;
  readonly maxDeliveryCount: number;
  /** Largest message in bytes; undefined if it is not known. */
  readonly maxMessageBytes: number | undefined;
}

/**
 * Assumed settings if neither Service Bus nor the configuration states them. They are the defaults of Service Bus, except
 * for the lock: a guess that is too short only costs more renewals.
 */
const ASSUMED = { lockMs: 30_000, maxDeliveryCount: 10 };
/** Time after which a request to the administration interface fails. */
export const ADMIN_TIMEOUT_MS = 5_000;
/** Time for which the administration interface is not used after it has denied access. */
const DENIED_MS = 300_000;
/**
 * Time for which the administration interface is tried again after other errors, before settings are assumed. It may be
 * unreachable for good.
 */
const RECOVERY_MS = 60_000;

/** Describes queues, from the administration interface if it can be used, otherwise from the configuration. */
export class Descriptions {
  readonly #clients: Clients;
  readonly #names: QueueNames;
  readonly #clock: Clock;
  readonly #known = new Map<string, Promise<Description>>();
  /** Until when the administration interface is not used, in milliseconds of the monotonic clock. */
  #deniedUntil = 0;
  /** First and last failure, on the monotonic clock, of a period in which the administration interface fails. */
  #failing: { readonly since: number; readonly last: number } | undefined;

  constructor(clients: Clients, names: QueueNames, clock: Clock) {
    this.#clients = clients;
    this.#names = names;
    this.#clock = clock;
  }

  /**
   * The description of a queue. It is read once and then cached.
   * @throws DriverError `not_found`, or `transient` if the administration interface may answer later
   */
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

  /** Removes the description of a queue from the cache. */
  forget(name: string): void {
    this.#known.delete(name);
  }

  async #describe(entity: Entity): Promise<Description> {
    const { sessions, dedupWindowMs, lockMs, maxDeliveryCount } = this.#names.facts(entity.queue);
    const found = await this.#read(entity, sessions !== undefined);
    if (found === undefined) await this.#assertExists(entity);
    return {
      sessions: found?.sessions ?? sessions ?? false,
      dedupWindowMs: found?.dedupWindowMs ?? optionalMs(dedupWindowMs) ?? 0,
      lockMs: found?.lockMs ?? optionalMs(lockMs) ?? ASSUMED.lockMs,
      isLockKnown: found !== undefined || lockMs !== undefined,
      maxDeliveryCount: found?.maxDeliveryCount ?? maxDeliveryCount ?? ASSUMED.maxDeliveryCount,
      maxMessageBytes: found?.maxMessageBytes,
    };
  }

  /**
   * Reads a queue from the administration interface. Returns `undefined` if the interface cannot be used.
   * @param isConfigured whether the configuration states if the queue has sessions; a wrong assumption there would make
   * receiving fail
   * @throws DriverError `not_found`, or `transient` if the interface may answer later
   */
  async #read(
    { name }: Entity,
    isConfigured: boolean,
  ): Promise<Omit<Description, "isLockKnown"> | undefined> {
    const { admin } = this.#clients;
    if (admin === undefined || this.#clock.monotonic() < this.#deniedUntil) return undefined;
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
        maxMessageBytes:
          queue.maxMessageSizeInKilobytes === undefined ? undefined : queue.maxMessageSizeInKilobytes * 1_024,
      };
    } catch (error) {
      const failure = driverError(error, `Reading the queue ${name}`, "Manage");
      if (failure.kind === "not_found") throw failure;
      const now = this.#clock.monotonic();
      const isDenied = failure.kind === "auth" || isRefused(error);
      if (!isDenied && isConfigured) return undefined;
      if (!isDenied && this.#mayRecover(now))
        throw new DriverError(
          "transient",
          `${failure.message}. If the administration interface cannot be used, set "sessions" of the queue in the configuration`,
          { cause: error },
        );
      this.#deniedUntil = now + DENIED_MS;
      return undefined;
    }
  }

  /** Whether the interface may work again: it has failed for less than a minute, or not without a break. */
  #mayRecover(now: number): boolean {
    const { since, last } = this.#failing ?? { since: now, last: now };
    const isNew = now - last > RECOVERY_MS;
    this.#failing = { since: isNew ? now : since, last: now };
    return isNew || now - since < RECOVERY_MS;
  }

  /** Checks that a queue exists by opening a link: to send, or to peek if sending is not allowed. */
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
        // A message that the SDK cannot decode comes from a queue that exists.
        if (isThrownBySdk(denied)) return;
        throw driverError(denied, `Peeking into the queue ${name}`, "Listen");
      } finally {
        await receiver.close();
      }
    } finally {
      await sender.close().catch(() => undefined);
    }
  }
}

/** Whether nothing listens on the port. An emulator may have no administration interface. */
function isRefused(error: unknown): boolean {
  return /ECONNREFUSED/.test(String((error as { code?: unknown }).code) + String(error));
}
