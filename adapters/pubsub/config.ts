import { z } from "zod";
import { type CommonConfig, commonFields, type Fields } from "../config.ts";
import { MAX_WAIT_SECONDS } from "./limits.ts";

/** Google Cloud Pub/Sub. If the project or the credentials are omitted, Google's library finds them in the environment. */
export interface PubsubConfig extends CommonConfig {
  readonly provider: "pubsub";
  readonly projectId?: string | undefined;
  /** `host:port` of an emulator. Requires a `projectId`; any value works. */
  readonly emulatorHost?: string | undefined;
  /** A regional endpoint, such as `europe-west1-pubsub.googleapis.com`. @default the global endpoint */
  readonly apiEndpoint?: string | undefined;
  readonly credentials?: { readonly client_email: string; readonly private_key: string } | undefined;
  /** The path of a file that holds credentials. */
  readonly keyFilename?: string | undefined;
  /** A prefix for the name of every queue that `queues` does not map. @default "" */
  readonly prefix?: string | undefined;
  /** Maps logical names. Each value is one name for both the topic and the subscription, or a name for each of them. */
  readonly queues?:
    | Readonly<Record<string, string | { readonly topic: string; readonly subscription: string }>>
    | undefined;
  /** The time that a pull waits for messages: 1 to 60 seconds. @default 20 */
  readonly waitSeconds?: number | undefined;
  /** Whether `ensure` creates subscriptions with exactly-once delivery. @default false */
  readonly exactlyOnce?: boolean | undefined;
  /** Whether `stats` reads counts from Cloud Monitoring. These counts are minutes old. @default false */
  readonly monitoring?: boolean | undefined;
}

/** @internal */
export const pubsubSchema: z.ZodType<PubsubConfig> = z.strictObject({
  ...commonFields,
  provider: z.literal("pubsub"),
  projectId: z.string().min(1).optional(),
  emulatorHost: z.string().min(1).optional(),
  apiEndpoint: z.string().min(1).optional(),
  credentials: z.strictObject({ client_email: z.string().min(1), private_key: z.string().min(1) }).optional(),
  keyFilename: z.string().min(1).optional(),
  prefix: z.string().optional(),
  queues: z
    .record(
      z.string().min(1),
      z.union(
        [z.string().min(1), z.strictObject({ topic: z.string().min(1), subscription: z.string().min(1) })],
        { error: "expected a name, or an object with topic and subscription" },
      ),
    )
    .optional(),
  waitSeconds: z.number().min(1).max(MAX_WAIT_SECONDS).optional(),
  exactlyOnce: z.boolean().optional(),
  monitoring: z.boolean().optional(),
} satisfies Fields<PubsubConfig>);
