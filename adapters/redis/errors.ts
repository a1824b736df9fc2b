import { DriverError, type ErrorKind, QueueError } from "../../src/driver/index.ts";

/**
 * The kinds of error replies by their first word: https://redis.io/docs/latest/develop/reference/protocol-spec/ (2026-11).
 * The server refuses all of these before it changes anything.
 */
const KINDS: Readonly<Record<string, ErrorKind>> = {
  // A replica, such as the former primary after a failover.
  READONLY: "transient",
  // The server reads its data after a start.
  LOADING: "transient",
  // A replica without its primary.
  MASTERDOWN: "transient",
  // Snapshots fail, and stop-writes-on-bgsave-error refuses writes.
  MISCONF: "transient",
  // Fewer replicas than min-replicas-to-write.
  NOREPLICAS: "transient",
  // Another script takes too long.
  BUSY: "transient",
  // A slot has no node, or is being moved.
  CLUSTERDOWN: "transient",
  TRYAGAIN: "transient",
  ASK: "transient",
  // A single connection to a node of a cluster.
  MOVED: "permanent",
  CROSSSLOT: "permanent",
  OOM: "full",
  NOAUTH: "auth",
  WRONGPASS: "auth",
  NOPERM: "auth",
  WRONGTYPE: "permanent",
};

/** Redis 6.2 puts the error of a command in a script into the text of the error of the script. */
const CODE_WITHIN = /(?:^|[\s-])(READONLY|MISCONF|NOREPLICAS|OOM|NOPERM|MASTERDOWN|LOADING|WRONGTYPE)[\s:]/;

/** Errors before there was a connection: the command was not sent. */
const NEVER_SENT: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOENT",
  "EACCES",
]);

/** Errors of `@redis/client` for commands that were not written to a socket. Its classes may come from another copy. */
const NOT_WRITTEN: ReadonlySet<string> = new Set([
  "ClientClosedError",
  "ClientOfflineError",
  "ConnectionTimeoutError",
  "RootNodesUnavailableError",
  "AbortError",
  "TimeoutError",
]);

const REPLIES: ReadonlySet<string> = new Set(["ErrorReply", "SimpleError", "BlobError", "MultiErrorReply"]);

/** The code of an error reply, such as `READONLY`; `ERR` for one without. Undefined if the server did not send the error. */
export function replyCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !isReply(error)) return undefined;
  const first = /^[A-Z][A-Z0-9]*/.exec(error.message)?.[0];
  if (first !== undefined && first !== "ERR") return first;
  return CODE_WITHIN.exec(error.message)?.[1] ?? "ERR";
}

/**
 * Classifies any error. An unknown one is `ambiguous`, since the command may have taken effect.
 * @param isSent whether the command may have been sent when the error occurred
 */
export function classify(error: unknown, isSent: boolean = true): ErrorKind {
  if (error instanceof DriverError) return error.kind;
  const code = replyCode(error);
  if (code !== undefined) {
    const text = (error as Error).message;
    if (code !== "ERR") return KINDS[code] ?? "permanent";
    if (text.includes("max number of clients")) return "throttled";
    if (/AUTH|invalid password|invalid username/i.test(text)) return "auth";
    return "permanent";
  }
  if (!(error instanceof Error)) return "ambiguous";
  const { code: systemCode } = error as NodeJS.ErrnoException;
  if (error instanceof AggregateError && error.errors.every((one) => classify(one) === "transient"))
    return "transient";
  if (NEVER_SENT.has(String(systemCode)) || NOT_WRITTEN.has(error.constructor.name)) return "transient";
  if (isSent) return "ambiguous";
  return /certificate|SSL|TLS/i.test(`${systemCode} ${error.message}`) ? "permanent" : "transient";
}

/** Whether the connection should be built again after an error: it is lost, or leads to a server that cannot serve it. */
export function endsConnection(error: unknown): boolean {
  const code = replyCode(error);
  if (code === undefined) return !(error instanceof DriverError);
  // The address may lead to another server after a failover.
  return code === "READONLY" || code === "MASTERDOWN" || code === "NOAUTH" || code === "CLUSTERDOWN";
}

/** Converts the error of a command. The message says what was attempted, and what to do. */
export function driverError(error: unknown, action: string, isSent: boolean = true): DriverError {
  if (error instanceof DriverError) return error;
  const kind = classify(error, isSent);
  const advice = ADVICE[replyCode(error) ?? ""] ?? (kind === "auth" ? ADVICE["WRONGPASS"] : "") ?? "";
  return new DriverError(kind, `${action}: ${textOf(error)}${advice}`, { cause: error });
}

/** The error for options that cannot work. */
export function configError(problem: string, options?: ErrorOptions): QueueError {
  return new QueueError("config", `redis: ${problem}.`, options);
}

function isReply(error: Error): boolean {
  for (
    let at: object | null = Object.getPrototypeOf(error);
    at !== null && at !== Error.prototype;
    at = Object.getPrototypeOf(at)
  )
    if (REPLIES.has(at.constructor.name)) return true;
  return false;
}

function textOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "")
    return error.errors.map((one) => textOf(one)).join("; ");
  return error instanceof Error ? error.message.trim() || error.constructor.name : String(error);
}

const ADVICE: Readonly<Record<string, string>> = {
  READONLY: "; the server is a replica: give the address of the primary",
  MISCONF: "; the server cannot write its snapshots: free space on its disk, or see its log",
  NOREPLICAS: "; fewer replicas are connected than min-replicas-to-write asks for",
  MOVED: "; the server is a node of a cluster: give the addresses of its nodes as `cluster`, and not `url`",
  OOM: "; the server has reached maxmemory: give it more, and let receivers catch up",
  NOAUTH: "; the server asks for a password: put it into the url",
  WRONGPASS: "; correct the user or the password in the url",
  NOPERM: "; grant it to the user, as docs/providers/redis.md lists",
  WRONGTYPE: "; another application uses this key: choose another prefix",
};
