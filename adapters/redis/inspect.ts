import type { Observation } from "../observation.ts";
import type { ConnectionOptions } from "./connection/options.ts";
import { RedisConnection } from "./connection/redis-connection.ts";

/** Below this part of `maxmemory`, sends have room. */
const NEARLY_FULL = 0.9;

/** Looks at the server of queues or records for `queueport doctor`. Changes nothing. */
export async function inspect(options: ConnectionOptions): Promise<readonly Observation[]> {
  const { url, cluster, prefix, requestTimeoutMs } = options;
  const connection = new RedisConnection({ url, cluster, prefix, requestTimeoutMs, subscribe: false });
  try {
    const info = readInfo(await connection.command("look at the server", undefined, ["INFO"]));
    return [
      versionOf(info),
      roleOf(info),
      persistenceOf(info),
      evictionOf(info),
      memoryOf(info),
      writesOf(info),
    ].flat();
  } catch (error) {
    return [broken(error instanceof Error ? error.message : String(error), "solve that, and run this again")];
  } finally {
    await connection.close();
  }
}

type Info = ReadonlyMap<string, string>;

/** Reads the lines `name:value` of INFO. */
function readInfo(reply: unknown): Info {
  const lines = String(reply).split("\r\n");
  return new Map(
    lines.flatMap((line) => {
      const at = line.indexOf(":");
      return at < 1 || line.startsWith("#") ? [] : [[line.slice(0, at), line.slice(at + 1)] as const];
    }),
  );
}

function versionOf(info: Info): Observation {
  const version = info.get("redis_version") ?? "0";
  const valkey = info.get("valkey_version");
  const what = valkey === undefined ? `server: Redis ${version}` : `server: Valkey ${valkey}`;
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 6 || (major === 6 && minor >= 2)
    ? ok(what)
    : broken(`${what}, which is too old`, "install Redis 6.2 or later, or Valkey");
}

function roleOf(info: Info): Observation {
  const replicas = Number(info.get("connected_slaves") ?? 0);
  if (info.get("role") === "slave")
    return broken("server: is a replica, which takes no writes", "give the address of the primary");
  return ok(`server: primary, with ${replicas} ${replicas === 1 ? "replica" : "replicas"}`);
}

function persistenceOf(info: Info): Observation {
  if (info.get("aof_enabled") !== "1")
    return warning(
      "server: appendonly is off, so a crash loses everything since the last snapshot",
      "CONFIG SET appendonly yes, and in its configuration file",
    );
  return info.get("aof_last_write_status") === "err"
    ? broken(
        "server: the last write of the append-only file failed",
        "free space on its disk, or see its log",
      )
    : ok("server: appendonly is on");
}

function evictionOf(info: Info): Observation {
  const policy = info.get("maxmemory_policy") ?? "noeviction";
  return policy === "noeviction" || policy.startsWith("volatile-")
    ? ok(`server: maxmemory-policy ${policy} removes no queues and no records`)
    : broken(
        `server: maxmemory-policy ${policy} removes whole queues and records when memory is full`,
        "CONFIG SET maxmemory-policy noeviction",
      );
}

function memoryOf(info: Info): Observation[] {
  const most = Number(info.get("maxmemory") ?? 0);
  const used = Number(info.get("used_memory") ?? 0);
  if (most === 0) return [ok(`server: ${size(used)} used; no maxmemory`)];
  const what = `server: ${size(used)} of maxmemory ${size(most)} used`;
  return [
    used < NEARLY_FULL * most
      ? ok(what)
      : warning(
          `${what}; sends and new records are refused when it is full`,
          "give it more memory, let receivers catch up, or keep records for a shorter time",
        ),
  ];
}

function writesOf(info: Info): Observation[] {
  if (info.get("rdb_last_bgsave_status") !== "err") return [];
  return [warning("server: the last snapshot failed, and writes may be refused", "see its log")];
}

const size = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MiB`;
const ok = (what: string): Observation => ({ level: "ok", what });
const warning = (what: string, fix: string): Observation => ({ level: "warning", what, fix });
const broken = (what: string, fix: string): Observation => ({ level: "broken", what, fix });
