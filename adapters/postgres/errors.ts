import { DriverError, type ErrorKind, QueueError } from "../../src/driver/index.ts";

/** The kinds of errors by their SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html (2026-11). */
const KINDS: Readonly<Record<string, ErrorKind>> = {
  // The server did not accept the connection.
  "08001": "transient",
  "08004": "transient",
  // A statement of the transaction failed before.
  "25P02": "permanent",
  // A standby, or default_transaction_read_only.
  "25006": "transient",
  // A prepared statement of a former session, behind a pooler.
  "26000": "transient",
  "42P05": "transient",
  // A cached plan that a migration has outdated.
  "0A000": "transient",
  "3D000": "not_found",
  "3F000": "not_found",
  "42P01": "not_found",
  "42883": "not_found",
  "40001": "transient",
  "40P01": "transient",
  "40003": "ambiguous",
  "42501": "auth",
  "53000": "throttled",
  "53100": "full",
  "53200": "throttled",
  "53300": "throttled",
  "53400": "throttled",
  "54000": "too_large",
  "55000": "transient",
  "55006": "transient",
  "55P03": "transient",
  "57014": "transient",
  "57P01": "transient",
  "57P02": "ambiguous",
  "57P03": "transient",
  "57P04": "not_found",
  "57P05": "transient",
  "58030": "transient",
  XX000: "transient",
};

/** The kinds of the classes of SQLSTATE, which are its first two characters. */
const CLASSES: Readonly<Record<string, ErrorKind>> = {
  "08": "ambiguous",
  "22": "permanent",
  "23": "permanent",
  "28": "auth",
  "42": "permanent",
  "54": "too_large",
  P0: "permanent",
};

/** Errors before there was a connection: the statement was not sent. */
const NEVER_SENT: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOENT",
  "EACCES",
]);

/** Messages of `pg` before the statement was sent, which have no code. */
const NOT_CONNECTED =
  /timeout exceeded when trying to connect|connection timeout|timeout expired|Client was closed|not queryable/i;
const NO_PASSWORD = /SASL|password must be a string/i;
const NO_TLS = /does not support SSL|self.signed certificate|unable to verify|certificate/i;

/** The fields of an error of `pg`, of another client, or of one that wraps it. */
interface ClientError {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly cause?: unknown;
  readonly meta?: { readonly code?: unknown };
}

const SQLSTATE = /^[0-9A-Z]{5}$/;

/** The SQLSTATE of an error; undefined if the server did not send it. Drizzle has it in `cause`, Prisma in `meta`. */
export function sqlStateOf(error: unknown): string | undefined {
  for (let at: unknown = error, depth = 0; typeof at === "object" && at !== null && depth < 5; depth += 1) {
    const { code, meta, cause } = at as ClientError;
    for (const one of [meta?.code, code])
      if (typeof one === "string" && SQLSTATE.test(one) && /\d/.test(one)) return one;
    at = cause;
  }
  return undefined;
}

/**
 * Classifies any error. An unknown one is `ambiguous`, since the statement may have taken effect.
 * @param isSent whether the statement had been sent when the error occurred
 */
export function classify(error: unknown, isSent: boolean = true): ErrorKind {
  if (error instanceof DriverError) return error.kind;
  const state = sqlStateOf(error);
  if (state !== undefined) {
    const kind = KINDS[state] ?? CLASSES[state.slice(0, 2)];
    if (kind !== undefined) return isSent || kind !== "ambiguous" ? kind : "transient";
  }
  const { code, message } = (typeof error === "object" && error !== null ? error : {}) as ClientError;
  const text = String(message);
  if (NO_PASSWORD.test(text)) return "auth";
  if (!isSent) return NO_TLS.test(text) ? "permanent" : "transient";
  if (NEVER_SENT.has(String(code)) || NOT_CONNECTED.test(text)) return "transient";
  return "ambiguous";
}

/** Converts the error of a statement. The message says what was attempted, and what to do. */
export function driverError(error: unknown, action: string, isSent: boolean = true): DriverError {
  if (error instanceof DriverError) return error;
  const kind = classify(error, isSent);
  const state = sqlStateOf(error);
  const advice = (state === undefined ? undefined : ADVICE[state]) ?? ADVICE_OF_KIND[kind] ?? "";
  return new DriverError(kind, `${action}: ${textOf(error)}${advice}`, { cause: error });
}

function textOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "")
    return error.errors.map((one) => textOf(one)).join("; ");
  return error instanceof Error ? error.message : String(error);
}

const MIGRATE =
  "; its tables are missing or belong to another schema: run `queueport migrate`, or `queueport provision <queue>`";

const ADVICE: Readonly<Record<string, string>> = {
  "3D000": "; create the database, or correct the url",
  "3F000": MIGRATE,
  "42P01": MIGRATE,
  "42883": MIGRATE,
  "25006":
    "; the server is read-only: a standby, or one with default_transaction_read_only. Connect to the primary",
  "42501": "; grant it to the user, as docs/providers/postgres.md lists",
  "53100": "; free space on the server's disk",
  "53300": "; raise max_connections, lower poolSize, or put a pooler before the server",
};

const ADVICE_OF_KIND: Readonly<Partial<Record<ErrorKind, string>>> = {
  auth: "; correct the user or the password in the url",
};

/** The error for options that cannot work. */
export function configError(problem: string, options?: ErrorOptions): QueueError {
  return new QueueError("config", `postgres: ${problem}.`, options);
}
