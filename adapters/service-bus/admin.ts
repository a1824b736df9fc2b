import type { CreateQueueOptions, QueueProperties, WithResponse } from "@azure/service-bus";
import { type Admin, DriverError, type QueueChange, type QueueSpec } from "../../src/driver/index.ts";
import type { Clients } from "./clients.ts";
import type { Descriptions } from "./descriptions.ts";
import { driverError, isMissing } from "./errors.ts";
import { CREATED_DEDUP_WINDOW_MS, lockMs, MAX_DELIVERY_COUNT } from "./limits.ts";
import type { QueueNames } from "./names.ts";
import { duration, durationMs } from "./time.ts";

type AdminClient = NonNullable<Clients["admin"]>;

/** Creates, changes and removes queues. Dead letters and delays need no queues of their own. */
export class ServiceBusAdmin implements Admin {
  readonly #admin: AdminClient | undefined;
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
      const existing = (await find(admin, name)) ?? (await create(admin, name, spec));
      if (existing === undefined) return;
      if (conflicts(existing, spec))
        throw new DriverError(
          "permanent",
          `The queue ${name} ${existing.requiresSession ? "requires sessions, and so keeps order by key" : "has no sessions, and so keeps no order"}. This cannot be changed. Drop the queue first.`,
        );
      await admin.updateQueue(Object.assign(existing, wantedOf(spec)));
    });
    this.#descriptions.forget(name);
  }

  async plan(queue: string, spec: QueueSpec): Promise<QueueChange[]> {
    const { name } = this.#names.entity(queue);
    const resource = `queue ${name}`;
    return this.#attempt(`Reading the queue ${name}`, async (admin) => {
      const existing = await find(admin, name);
      if (existing === undefined) return [{ kind: "create", resource }];
      const changes: QueueChange[] = [];
      if (conflicts(existing, spec)) {
        const [from, to] = [String(existing.requiresSession), String(!existing.requiresSession)];
        changes.push({ kind: "conflict", resource, setting: "requiresSession", from, to });
      }
      const { lockDuration, maxDeliveryCount } = wantedOf(spec);
      if (durationMs(existing.lockDuration) !== durationMs(lockDuration))
        changes.push({
          kind: "change",
          resource,
          setting: "lockDuration",
          from: existing.lockDuration,
          to: lockDuration,
        });
      if (existing.maxDeliveryCount !== maxDeliveryCount) {
        const [from, to] = [String(existing.maxDeliveryCount), String(maxDeliveryCount)];
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

  async #attempt<T>(attempted: string, work: (admin: AdminClient) => Promise<T>): Promise<T> {
    if (this.#admin === undefined)
      throw new DriverError(
        "permanent",
        `${attempted} needs an administration client. Give adminClient, a connectionString, or a namespace and a credential.`,
      );
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
    lockDuration: duration(lockMs(leaseMs)),
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
    duplicateDetectionHistoryTimeWindow: duration(CREATED_DEDUP_WINDOW_MS),
    deadLetteringOnMessageExpiration: true,
  };
}

/** Creates a queue. Returns `undefined`, or the queue that another process has created at the same time. */
async function create(
  admin: AdminClient,
  name: string,
  spec: QueueSpec,
): Promise<WithResponse<QueueProperties> | undefined> {
  try {
    await admin.createQueue(name, { ...wantedOf(spec), ...createdWith(spec) });
    return undefined;
  } catch (error) {
    const existing = isConflict(error) ? await find(admin, name) : undefined;
    if (existing === undefined) throw error;
    return existing;
  }
}

function isConflict(error: unknown): boolean {
  return (error as { statusCode?: unknown }).statusCode === 409;
}

async function find(admin: AdminClient, name: string): Promise<WithResponse<QueueProperties> | undefined> {
  try {
    return await admin.getQueue(name);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
