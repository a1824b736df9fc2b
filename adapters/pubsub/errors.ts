import { DriverError, type ErrorKind } from "../../src/driver/index.ts";

/** Status codes of gRPC. https://grpc.io/docs/guides/status-codes/ (2026-11) */
export const CODE = {
  cancelled: 1,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
} as const;

/** The kind of each status code. `ambiguous` if the request may have taken effect. */
const KINDS: Readonly<Record<number, ErrorKind>> = {
  [CODE.cancelled]: "ambiguous",
  2: "ambiguous", // UNKNOWN
  [CODE.invalidArgument]: "permanent",
  [CODE.deadlineExceeded]: "ambiguous",
  [CODE.notFound]: "not_found",
  [CODE.alreadyExists]: "permanent",
  7: "auth", // PERMISSION_DENIED
  8: "throttled", // RESOURCE_EXHAUSTED
  9: "permanent", // FAILED_PRECONDITION
  10: "transient", // ABORTED
  11: "permanent", // OUT_OF_RANGE
  12: "permanent", // UNIMPLEMENTED
  13: "ambiguous", // INTERNAL
  14: "ambiguous", // UNAVAILABLE
  15: "ambiguous", // DATA_LOSS
  16: "auth", // UNAUTHENTICATED
};

/** The client's messages for UNAVAILABLE before there was a connection: the request had no effect. */
const NEVER_SENT =
  /no connection established|name resolution failed|ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH/i;
/** The client's messages for credentials that it could not find or renew. No request was made. */
const NO_CREDENTIALS =
  /default credentials|invalid_grant|unable to detect a project|getting metadata from plugin failed.*(invalid|unauthorized|denied)/is;
const TOO_LARGE = /(larger than max|exceeds the limit|too large|exceeds the maximum)/i;

interface GrpcError {
  readonly code?: number | string;
  readonly message?: string;
  readonly details?: string;
  readonly errorInfoMetadata?: Readonly<Record<string, string>>;
}

/** Classifies any error of the client library. An unknown error is `ambiguous`, since the request may have taken effect. */
export function classify(error: unknown): ErrorKind {
  if (error instanceof DriverError) return error.kind;
  // The library rejects with a string if a client was closed.
  if (typeof error === "string") return "permanent";
  const { code, message = "", details = "" } = asGrpc(error);
  const text = `${message} ${details}`;
  if (NO_CREDENTIALS.test(text)) return "auth";
  if (typeof code !== "number") return NEVER_SENT.test(`${code} ${text}`) ? "transient" : "ambiguous";
  if (code === 14 && NEVER_SENT.test(text)) return "transient";
  if ((code === CODE.invalidArgument || code === 8) && TOO_LARGE.test(text)) return "too_large";
  return KINDS[code] ?? "ambiguous";
}

export function codeOf(error: unknown): number | undefined {
  const { code } = asGrpc(error);
  return typeof code === "number" ? code : undefined;
}

/** Converts the error of a failed call. The message of an `auth` error names what is missing. */
export function driverError(error: unknown, permission: string): DriverError {
  if (error instanceof DriverError) return error;
  const kind = classify(error);
  const text = error instanceof Error ? error.message : String(error);
  const what = kind === "auth" ? denied(permission, text) : `${permission}: ${text}`;
  return new DriverError(kind, what, { cause: error });
}

/** The message of a call without a project or credentials, or of a denied call. */
function denied(permission: string, text: string): string {
  if (/unable to detect a project/i.test(text)) {
    return `there is no project: set projectId, or GOOGLE_CLOUD_PROJECT (${text})`;
  }
  if (NO_CREDENTIALS.test(text)) {
    return `there are no valid credentials: set keyFilename or GOOGLE_APPLICATION_CREDENTIALS, or run gcloud auth application-default login (${text})`;
  }
  return `${permission} was denied; grant it, or correct the credentials (${text})`;
}

/**
 * The errors of single ids of a failed `acknowledge` or `modifyAckDeadline`. An exactly-once subscription reports each
 * failed id with its reason in the ErrorInfo of the status. The other ids have succeeded.
 */
export function failuresById(error: unknown, permission: string): Map<string, DriverError> {
  const { errorInfoMetadata = {} } = asGrpc(error);
  const failures = new Map<string, DriverError>();
  for (const [ackId, reason] of Object.entries(errorInfoMetadata)) {
    const kind = kindOfReason(reason);
    if (kind !== undefined) failures.set(ackId, new DriverError(kind, `${permission}: ${reason}`));
  }
  return failures;
}

function kindOfReason(reason: string): ErrorKind | undefined {
  if (reason.startsWith("TRANSIENT_FAILURE")) return "transient";
  if (reason === "PERMANENT_FAILURE_INVALID_ACK_ID") return "lease_lost";
  return reason.startsWith("PERMANENT_FAILURE") ? "permanent" : undefined;
}

function asGrpc(error: unknown): GrpcError {
  return typeof error === "object" && error !== null ? error : {};
}
