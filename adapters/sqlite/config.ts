import { z } from "zod";
import type { Duration } from "../../src/driver/index.ts";
import { type CommonConfig, commonFields, durationField, type Fields, sqlitePath } from "../config.ts";

/** Queues in an SQLite file: for services on one machine, without a server. */
export interface SqliteConfig extends CommonConfig {
  readonly provider: "sqlite";
  /**
   * The path of the file, relative to the configuration file, or to the working directory if there is no file. A missing
   * file is created.
   * @default "queueport.db"
   */
  readonly path?: string | undefined;
  /**
   * `full`: a message whose send has resolved survives a power cut. `normal`: it survives the end of the process.
   * @default "full"
   */
  readonly synchronous?: "full" | "normal" | undefined;
  /** The time within which a repeated `dedupId` is absorbed, for queues that are created from now on. @default 0 */
  readonly dedupWindowMs?: Duration | undefined;
  /** The largest message in bytes. @default 1048576 */
  readonly maxMessageBytes?: number | undefined;
  /** Whether a file on a shared file system, such as NFS, is accepted. @default false */
  readonly allowSharedFileSystem?: boolean | undefined;
}

/** The path of the file if a configuration has none. */
export const DEFAULT_PATH = "queueport.db";

/** @internal */
export const sqliteSchema: z.ZodType<SqliteConfig> = z.strictObject({
  ...commonFields,
  provider: z.literal("sqlite"),
  path: sqlitePath.optional(),
  synchronous: z.enum(["full", "normal"]).optional(),
  dedupWindowMs: durationField({ least: 0 }),
  maxMessageBytes: z.int().min(1_024).max(500_000_000).optional(),
  allowSharedFileSystem: z.boolean().optional(),
} satisfies Fields<SqliteConfig>);
