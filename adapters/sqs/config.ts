import { z } from "zod";
import { type CommonConfig, commonFields, durationField, type Fields } from "../config.ts";
import type { Duration } from "../../src/driver/index.ts";
import { MAX_WAIT_SECONDS } from "./limits.ts";

/** Amazon SQS. The AWS SDK finds a region, credentials and an endpoint that are not given here. */
export interface SqsConfig extends CommonConfig {
  readonly provider: "sqs";
  readonly region?: string | undefined;
  /** The URL of a local server or of a VPC endpoint. @default the region's endpoint */
  readonly endpoint?: string | undefined;
  /** @default the SDK's chain: environment, profile, container, instance */
  readonly credentials?:
    | {
        readonly accessKeyId: string;
        readonly secretAccessKey: string;
        readonly sessionToken?: string | undefined;
        readonly expiration?: Date | string | undefined;
        readonly accountId?: string | undefined;
        readonly credentialScope?: string | undefined;
      }
    | undefined;
  /**
   * The URL of an HTTP proxy; `false` for none.
   * @default the proxy of the variables `HTTPS_PROXY` and `HTTP_PROXY`, except for this machine and the hosts of `NO_PROXY`
   */
  readonly proxy?: string | false | undefined;
  /** A prefix for the name of every queue that `queues` does not map. @default "" */
  readonly prefix?: string | undefined;
  /** Physical names or queue URLs by logical name. @default none */
  readonly queues?: Readonly<Record<string, string>> | undefined;
  /** The time that a poll waits for messages: 1 to 20 seconds. @default 20 */
  readonly waitSeconds?: number | undefined;
  /** The time limit of a request, in milliseconds. A poll may take this long after its wait. @default 10000 */
  readonly requestTimeoutMs?: Duration | undefined;
  /** The KMS key with which `ensure` has queues encrypted. @default SQS's own keys, or the key that a queue has already */
  readonly kmsKeyId?: string | undefined;
}

const PROXY = z.url({
  protocol: /^https?$/,
  error: "expected the URL of a proxy that begins with http:// or https://, or false",
});

/** @internal */
export const sqsSchema: z.ZodType<SqsConfig> = z.strictObject({
  ...commonFields,
  provider: z.literal("sqs"),
  region: z.string().min(1).optional(),
  endpoint: z
    .url({ protocol: /^https?$/, error: "expected a URL that begins with http:// or https://" })
    .optional(),
  credentials: z
    .strictObject({
      accessKeyId: z.string().min(1),
      secretAccessKey: z.string().min(1),
      sessionToken: z.string().min(1).optional(),
      // Fields that a credential provider of the AWS SDK may resolve to.
      expiration: z
        .union([z.date(), z.iso.datetime({ offset: true })])
        .transform((time) => new Date(time))
        .optional(),
      accountId: z.string().min(1).optional(),
      credentialScope: z.string().min(1).optional(),
      $source: z.unknown().optional(),
    })
    .optional(),
  proxy: z.union([PROXY, z.literal(false)]).optional(),
  prefix: z.string().optional(),
  queues: z.record(z.string().min(1), z.string().min(1)).optional(),
  waitSeconds: z.number().min(1).max(MAX_WAIT_SECONDS).optional(),
  requestTimeoutMs: durationField(),
  kmsKeyId: z.string().min(1).optional(),
} satisfies Fields<SqsConfig>);
