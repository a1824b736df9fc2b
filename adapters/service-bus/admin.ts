import type { CreateQueueOptions, QueueProperties, WithResponse } from "@azure/service-bus";
import { type Admin, DriverError, type QueueSpec } from "../../src/driver/index.ts";
import type { Clients } from "./clients.ts";
import { driverError, isMissing } from "./errors.ts";
import type { QueueNames } from "./names.ts";
import { duration } from "./time.ts";
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
    const lockMs = Math.min(Math.max(spec.leaseMs, LEAST_LOCK_MS), MOST_LOCK_MS);
    const wanted = {
      lockDuration: duration(lockMs),
      maxDeliveryCount: Math.min(spec.brokerMaxDeliveries, MAX_DELIVERY_COUNT),
    };
    await this.#attempt(`Creating the queue ${name}`, async (admin) => {
      const there = await find(admin, name);
      if (there === undefined) {
        await admin.createQueue(name, { ...wanted, ...createdWith(spec) });
        return;
      }
      if (spec.ordering !== undefined && there.requiresSession !== (spec.ordering === "by_key"))
        throw new DriverError(
          "permanent",
          `The queue ${name} ${there.requiresSession ? "requires sessions, and so keeps order by key" : "has no sessions, and keeps no order"}; that cannot be changed. Drop it first.`,
        );
      await admin.updateQueue(Object.assign(there, wanted));
    });
    this.#descriptions.forget(name);
  }

  async drop(queue: string): Promise<void> {
    const { name } = this.#names.entity(queue);
    await this.#attempt(`Removing the queue ${name}`, async (admin) => {
      if ((await find(admin, name)) !== undefined) await admin.deleteQueue(name);
    });
    this.#descriptions.forget(name);
  }

  async #attempt(attempted: string, work: (admin: Admins) => Promise<void>): Promise<void> {
    if (this.#admin === undefined)
      throw new DriverError("permanent", `${attempted} needs an administration client, and there is none.`);
    try {
      await work(this.#admin);
    } catch (error) {
      throw driverError(error, attempted, "Manage");
    }
  }
}

function createdWith({ ordering }: QueueSpec): CreateQueueOptions {
  return {
    requiresSession: ordering === "by_key",
    requiresDuplicateDetection: true,
    duplicateDetectionHistoryTimeWindow: DEDUP_WINDOW,
    deadLetteringOnMessageExpiration: true,
  };
}

async function find(admin: Admins, name: string): Promise<WithResponse<QueueProperties> | undefined> {
  try {
    return await admin.getQueue(name);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
