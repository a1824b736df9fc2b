import type { CreateQueueOptions, QueueProperties, WithResponse } from "@azure/service-bus";
import { type Admin, DriverError, type QueueChange, type QueueSpec } from "../../src/driver/index.ts";
import type { Clients } from "./clients.ts";
import { driverError, isMissing } from "./errors.ts";
import type { QueueNames } from "./names.ts";
import { duration, durationMs } from "./time.ts";
import type { Descriptions } from "./traits.ts";

/** What the service takes for a lock. */
const [LEAST_LOCK_MS, MOST_LOCK_MS] = [5_000, 300_000];
const MAX_DELIVERY_COUNT = 2_000;
/** Long enough for what is sent again after a lost answer. */
const DEDUP_WINDOW = "PT10M";

type Admins = NonNullable<Clients["admin"]>;

/** Creates and removes queues; their dead letters have a sub-queue of its own, and a delay needs none. */
export class ServiceBusAdmin implements Admin {
  readonly #admin: Admins | undefined;
  readonly #names: QueueNames;
  readonly #descriptions: Descriptions;

  constructor({ admin }: Clients, names: QueueNames, descriptions: Descriptions) {
    this.#admin = admin;
    this.#names = names;
    this.#descriptions = descriptions;
  }

  async ensure(queue: string, spec: QueueSpec): Promise<void> {
    const { name } = this.#names.entity(queue);
    await this.#attempt(`Creating the queue ${name}`, async (admin) => {
      const there = (await find(admin, name)) ?? (await create(admin, name, spec));
      if (there === undefined) return;
      if (conflicts(there, spec))
        throw new DriverError(
          "permanent",
          `The queue ${name} ${there.requiresSession ? "requires sessions, and so keeps order by key" : "has no sessions, and keeps no order"}; that cannot be changed. Drop it first.`,
        );
      await admin.updateQueue(Object.assign(there, wantedOf(spec)));
    });
    this.#descriptions.forget(name);
  }

  async plan(queue: string, spec: QueueSpec): Promise<QueueChange[]> {
    const { name } = this.#names.entity(queue);
    const resource = `queue ${name}`;
    return this.#attempt(`Reading the queue ${name}`, async (admin) => {
      const there = await find(admin, name);
      if (there === undefined) return [{ kind: "create", resource }];
      const changes: QueueChange[] = [];
      if (conflicts(there, spec)) {
        const [from, to] = [String(there.requiresSession), String(!there.requiresSession)];
        changes.push({ kind: "conflict", resource, setting: "requiresSession", from, to });
      }
      const { lockDuration, maxDeliveryCount } = wantedOf(spec);
      if (durationMs(there.lockDuration) !== durationMs(lockDuration))
        changes.push({
          kind: "change",
          resource,
          setting: "lockDuration",
          from: there.lockDuration,
          to: lockDuration,
        });
      if (there.maxDeliveryCount !== maxDeliveryCount) {
        const [from, to] = [String(there.maxDeliveryCount), String(maxDeliveryCount)];
        changes.push({ kind: "change", resource, setting: "maxDeliveryCount", from, to });
      }
      return changes;
    });
  }

  async drop(queue: string): Promise<void> {
    const { name } = this.#names.entity(queue);
    await this.#attempt(`Removing the queue ${name}`, async (admin) => {
      if ((await find(admin, name)) !== undefined) await admin.deleteQueue(name);
    });
    this.#descriptions.forget(name);
  }

  async #attempt<T>(attempted: string, work: (admin: Admins) => Promise<T>): Promise<T> {
    if (this.#admin === undefined)
      throw new DriverError("permanent", `${attempted} needs an administration client, and there is none.`);
    try {
      return await work(this.#admin);
    } catch (error) {
      throw driverError(error, attempted, "Manage");
    }
  }
}

function wantedOf({ leaseMs, brokerMaxDeliveries }: QueueSpec): {
  readonly lockDuration: string;
  readonly maxDeliveryCount: number;
} {
  return {
    lockDuration: duration(Math.min(Math.max(leaseMs, LEAST_LOCK_MS), MOST_LOCK_MS)),
    maxDeliveryCount: Math.min(brokerMaxDeliveries, MAX_DELIVERY_COUNT),
  };
}

function conflicts({ requiresSession }: QueueProperties, { ordering }: QueueSpec): boolean {
  return ordering !== undefined && requiresSession !== (ordering === "by_key");
}

function createdWith({ ordering }: QueueSpec): CreateQueueOptions {
  return {
    requiresSession: ordering === "by_key",
    requiresDuplicateDetection: true,
    duplicateDetectionHistoryTimeWindow: DEDUP_WINDOW,
    deadLetteringOnMessageExpiration: true,
  };
}

/** Undefined where it is as it is wanted; what somebody else has created in this moment, where one did. */
async function create(
  admin: Admins,
  name: string,
  spec: QueueSpec,
): Promise<WithResponse<QueueProperties> | undefined> {
  try {
    await admin.createQueue(name, { ...wantedOf(spec), ...createdWith(spec) });
    return undefined;
  } catch (error) {
    const there = isConflict(error) ? await find(admin, name) : undefined;
    if (there === undefined) throw error;
    return there;
  }
}

function isConflict(error: unknown): boolean {
  return (error as { statusCode?: unknown }).statusCode === 409;
}

async function find(admin: Admins, name: string): Promise<WithResponse<QueueProperties> | undefined> {
  try {
    return await admin.getQueue(name);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
