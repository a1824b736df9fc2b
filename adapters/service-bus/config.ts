import { z } from "zod";
import { type CommonConfig, commonFields, durationField, type Fields } from "../config.ts";
import type { Duration } from "../../src/driver/index.ts";
import { MAX_DELIVERY_COUNT, serviceBusLimits } from "./limits.ts";

/** Azure Service Bus: a connection string, or a namespace with the credentials that Azure's library finds. */
export interface ServiceBusConfig extends CommonConfig {
  readonly provider: "service-bus";
  /** A connection string with a shared access key. An emulator's has `UseDevelopmentEmulator=true`. */
  readonly connectionString?: string | undefined;
  /** `<name>.servicebus.windows.net`, if there is no connection string. Needs `@azure/identity`. */
  readonly namespace?: string | undefined;
  /** The connection string of an emulator whose administration port is another. @default connectionString */
  readonly adminConnectionString?: string | undefined;
  /** A prefix for the name of every queue that `queues` does not name. @default "" */
  readonly prefix?: string | undefined;
  /** By logical name: the queue's name, or its settings if queueport may not read them from the service. */
  readonly queues?: Readonly<Record<string, string | ServiceBusQueueConfig>> | undefined;
  /** The largest message, in bytes: 262144 in the Standard tier, more in Premium. @default 262144 */
  readonly maxMessageBytes?: number | undefined;
}

/** The settings of one queue, as they are in the namespace. */
export interface ServiceBusQueueConfig {
  /** The queue's name in the namespace. @default the prefix and the logical name */
  readonly name?: string | undefined;
  /** Whether the queue requires sessions. @default false */
  readonly sessions?: boolean | undefined;
  /** The queue's duplicate detection window, in milliseconds; 0 if duplicate detection is off. @default 0 */
  readonly dedupWindowMs?: Duration | undefined;
  /** The queue's lock duration, in milliseconds. @default 30000 */
  readonly lockMs?: Duration | undefined;
  /** The queue's max delivery count. @default 10 */
  readonly maxDeliveryCount?: number | undefined;
}

const queueSchema: z.ZodType<ServiceBusQueueConfig> = z.strictObject({
  name: z.string().min(1).optional(),
  sessions: z.boolean().optional(),
  dedupWindowMs: durationField({ least: 0 }),
  lockMs: durationField({ most: serviceBusLimits.maxLeaseMs }),
  maxDeliveryCount: z.int().min(1).max(MAX_DELIVERY_COUNT).optional(),
} satisfies Fields<ServiceBusQueueConfig>);

/** @internal */
export const serviceBusSchema: z.ZodType<ServiceBusConfig> = z.strictObject({
  ...commonFields,
  provider: z.literal("service-bus"),
  connectionString: z.string().min(1).optional(),
  namespace: z.string().min(1).optional(),
  adminConnectionString: z.string().min(1).optional(),
  prefix: z.string().optional(),
  queues: z
    .record(
      z.string().min(1),
      z.union([z.string().min(1), queueSchema], {
        error: "expected a name, or an object with the settings of the queue",
      }),
    )
    .optional(),
  maxMessageBytes: z.int().positive().optional(),
} satisfies Fields<ServiceBusConfig>);
