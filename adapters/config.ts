import { z } from "zod";
import type { BackoffOptions } from "../src/backoff.ts";
import { type Duration, durationMs } from "../src/lib/duration.ts";
import type { DecoderName, DecoderNames } from "../src/interop/by-name.ts";
import { show } from "../src/lib/text.ts";
import { got } from "./check.ts";

/** The options that every provider's configuration accepts in addition to its own. A number as a duration is in milliseconds. */
export interface CommonConfig {
  /** The delay between attempts of a failed job, unless its definition or its message sets another. */
  readonly backoff?: BackoffOptions | undefined;
  /** The time after which every send has an outcome: accepted or failed. @default 30000 */
  readonly sendDeadlineMs?: Duration | undefined;
  /**
   * An SQLite file that keeps delayed messages instead of the provider's queues, so that they can be listed and
   * cancelled. The path is relative to the configuration file, or to the working directory if there is no file.
   */
  readonly delayStore?: { readonly sqlite: string } | undefined;
  /**
   * Decoders of `queueport/interop` for messages of other systems, in the order in which they are asked: for all queues,
   * or by queue, with `"*"` for the queues that are not named. @default none
   */
  readonly decode?: DecoderNames | undefined;
}

/**
 * The fields of a schema for `T`: every property of `T`, no other, each with the property's type.
 * @internal
 */
export type Fields<T> = { readonly [K in keyof Required<T>]: z.ZodType<T[K]> };

/**
 * An optional field for a duration, which becomes a number of milliseconds: `least` or more; without it, more than 0.
 * @internal
 */
export function durationField({
  least,
  most = Number.POSITIVE_INFINITY,
}: { readonly least?: number; readonly most?: number } = {}): z.ZodType<number | undefined> {
  const expected =
    (least === undefined ? "more than 0 milliseconds" : `${least} milliseconds or more`) +
    (most === Number.POSITIVE_INFINITY ? "" : `, at most ${most}`);
  return z
    .custom<Duration>()
    .transform((value, context) => {
      const ms = durationMs(value);
      if (least === undefined ? ms > 0 : ms >= least) if (ms <= most) return ms;
      const message = `expected a duration such as 5000, "5s" or { "seconds": 5 }, ${expected}; got ${typeof value === "object" ? show(value) : got(value)}`;
      context.addIssue({ code: "custom", message });
      return z.NEVER;
    })
    .optional();
}

/**
 * The schema of a backoff, for any part of a configuration that holds one.
 * @internal
 */
export const backoffSchema: z.ZodType<BackoffOptions> = z.strictObject({
  baseMs: durationField({ least: 0 }),
  factor: z.number().min(1).optional(),
  capMs: durationField({ least: 0 }),
  jitter: z.boolean().optional(),
});

const NO_PATH = "expected the path of an SQLite file; got the address of another database";

/**
 * The path of an SQLite file.
 * @internal
 */
export const sqlitePath: z.ZodType<string> = z.string().min(1).refine(isPath, NO_PATH);

/** Whether a text is a path, and not the address of a database, which has a password in it. */
function isPath(text: string): boolean {
  return !/^(?!file:)[a-z][\w+.-]*:\/\//i.test(text);
}

const DECODERS = [
  "cloudEvents",
  "eventBridge",
  "eventGrid",
  "gcs",
  "s3",
  "sns",
] as const satisfies DecoderName[];
const decoder = z.enum(DECODERS);

/**
 * The decoders of a configuration.
 * @internal
 */
const decodeSchema: z.ZodType<DecoderNames> = z.union(
  [decoder, z.array(decoder), z.record(z.string().min(1), z.union([decoder, z.array(decoder)]))],
  {
    error: ({ input }) =>
      `expected names of decoders (${DECODERS.join(", ")}): one, a list, or both by queue name; got ${show(input)}`,
  },
);

/**
 * The fields of {@link CommonConfig}, to be spread into the schema of each provider.
 * @internal
 */
export const commonFields: Fields<CommonConfig> = {
  backoff: backoffSchema.optional(),
  sendDeadlineMs: durationField(),
  delayStore: z.strictObject({ sqlite: sqlitePath }).optional(),
  decode: decodeSchema.optional(),
};
