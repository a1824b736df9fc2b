import { z } from "zod";
import type { BackoffOptions } from "../src/backoff.ts";

/** The options that every provider's configuration accepts in addition to its own. Times are in milliseconds. */
export interface CommonConfig {
  /** The delay between attempts of a failed job, unless its definition or its message sets another. */
  readonly backoff?: BackoffOptions | undefined;
  /** The time after which every send has an outcome: accepted or failed. @default 30000 */
  readonly sendDeadlineMs?: number | undefined;
  /**
   * An SQLite file that keeps delayed messages instead of the provider's queues, so that they can be listed and
   * cancelled. The path is relative to the configuration file, or to the working directory if there is no file.
   */
  readonly delayStore?: { readonly sqlite: string } | undefined;
}

/**
 * The fields of a schema for `T`: every property of `T`, no other, each with the property's type.
 * @internal
 */
export type Fields<T> = { readonly [K in keyof Required<T>]: z.ZodType<T[K]> };

/**
 * The schema of a backoff, for any part of a configuration that holds one.
 * @internal
 */
export const backoffSchema: z.ZodType<BackoffOptions> = z.strictObject({
  baseMs: z.number().min(0).optional(),
  factor: z.number().min(1).optional(),
  capMs: z.number().min(0).optional(),
  jitter: z.boolean().optional(),
});

/**
 * The fields of {@link CommonConfig}, to be spread into the schema of each provider.
 * @internal
 */
export const commonFields: Fields<CommonConfig> = {
  backoff: backoffSchema.optional(),
  sendDeadlineMs: z.number().positive().optional(),
  delayStore: z.strictObject({ sqlite: z.string().min(1) }).optional(),
};
