import { z } from "zod";
import { type CommonConfig, commonFields, durationField, type Fields } from "../config.ts";
import type { Duration } from "../../src/driver/index.ts";

/** PostgreSQL 13 or later. `pg` finds the settings that the URL does not have in the variables `PGHOST`, `PGUSER`, … */
export interface PostgresConfig extends CommonConfig {
  readonly provider: "postgres";
  /** The URL of the database: `postgres://user:password@host/database?sslmode=verify-full`. @default `PGHOST`, … */
  readonly url?: string | undefined;
  /** The schema of the tables. @default "queueport" */
  readonly schema?: string | undefined;
  /** The most connections for sends and claims; two more settle and listen. @default 4 */
  readonly poolSize?: number | undefined;
  /** The time limit of a statement, in milliseconds. @default 8000 */
  readonly requestTimeoutMs?: Duration | undefined;
  /** Whether `LISTEN` is used; behind a pooler, the URL of the server itself, or `false`. @default true */
  readonly listen?: boolean | { readonly url: string } | undefined;
  /** The time in which a repeated `dedupId` is absorbed. @default 0 */
  readonly dedupWindowMs?: Duration | undefined;
  /** The bytes of the largest message. @default 1048576 */
  readonly maxMessageBytes?: number | undefined;
  /** `"off"`: settlements may be answered before they are on disk. @default as the server is configured */
  readonly synchronousCommit?: "off" | undefined;
}

/** @internal */
export const postgresUrl: z.ZodType<string> = z
  .string()
  .refine(
    (url) => /^postgres(?:ql)?:\/\//.test(url),
    "expected a URL that begins with postgres:// or postgresql://",
  );

const schemaName: z.ZodType<string> = z
  .string()
  .regex(/^[a-zA-Z_]\w{0,47}$/, "expected up to 48 letters, digits and underscores");

/** A database in which a job store keeps its records. */
export interface PostgresPlace {
  readonly url: string;
  /** The schema of the tables. @default "queueport" */
  readonly schema?: string | undefined;
}

/** The database of a job store: its URL, or the URL and the schema. @internal */
export const postgresPlace: z.ZodType<string | PostgresPlace> = z.union([
  postgresUrl,
  z.strictObject({ url: postgresUrl, schema: schemaName.optional() }),
]);

/** @internal */
export const postgresSchema: z.ZodType<PostgresConfig> = z.strictObject({
  ...commonFields,
  provider: z.literal("postgres"),
  url: postgresUrl.optional(),
  schema: schemaName.optional(),
  poolSize: z.int().min(1).max(1_000).optional(),
  requestTimeoutMs: durationField(),
  listen: z.union([z.boolean(), z.strictObject({ url: postgresUrl })]).optional(),
  dedupWindowMs: durationField({ least: 0 }),
  maxMessageBytes: z
    .int()
    .min(1)
    .max(64 * 1_048_576)
    .optional(),
  synchronousCommit: z.literal("off").optional(),
} satisfies Fields<PostgresConfig>);
