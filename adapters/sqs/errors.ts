import { DriverError, type ErrorKind } from "../../src/driver/index.ts";

/** Names under which SQS, and the SDK before it, report what went wrong; without the prefix of the older protocol. */
const KINDS: Readonly<Record<string, ErrorKind>> = {
  QueueDoesNotExist: "not_found",
  NonExistentQueue: "not_found",
  QueueDeletedRecently: "transient",
  OverLimit: "throttled",
  RequestThrottled: "throttled",
  Throttling: "throttled",
  ThrottlingException: "throttled",
  TooManyRequestsException: "throttled",
  KmsThrottled: "throttled",
  ReceiptHandleIsInvalid: "lease_lost",
  MessageNotInflight: "lease_lost",
  BatchRequestTooLong: "too_large",
  AccessDenied: "auth",
  AccessDeniedException: "auth",
  KmsAccessDenied: "auth",
  InvalidSecurity: "auth",
  InvalidClientTokenId: "auth",
  UnrecognizedClientException: "auth",
  SignatureDoesNotMatch: "auth",
  IncompleteSignature: "auth",
  MissingAuthenticationToken: "auth",
  OptInRequired: "auth",
  ExpiredToken: "auth",
  ExpiredTokenException: "auth",
  CredentialsProviderError: "auth",
  ServiceUnavailable: "transient",
};

/** Before a connection stood, nothing can have been done. */
const NEVER_SENT: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
]);
/** Once it stood, the request may have arrived. */
const MAYBE_SENT: ReadonlySet<string> = new Set([
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "ECONNABORTED",
  "TimeoutError",
  "AbortError",
  "RequestTimeout",
  "NetworkingError",
]);

interface SdkError {
  readonly name?: string;
  readonly code?: string;
  readonly Code?: string;
  readonly message?: string;
  readonly cause?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/** Sorts anything that the SDK throws. What it cannot place may have taken effect. */
export function classify(error: unknown): ErrorKind {
  if (error instanceof DriverError) return error.kind;
  const {
    name = "",
    code = "",
    $metadata,
    cause,
  } = (typeof error === "object" && error !== null ? error : {}) as SdkError;
  const known = kindOfCode(name) ?? kindOfCode(code);
  if (known !== undefined) return known;
  if (NEVER_SENT.has(code) || NEVER_SENT.has(name)) return "transient";
  if (MAYBE_SENT.has(code) || MAYBE_SENT.has(name)) return "ambiguous";
  const status = $metadata?.httpStatusCode;
  if (status !== undefined) return kindOfStatus(status);
  if (cause !== undefined && cause !== error) return classify(cause);
  return "ambiguous";
}

/** The kind of a code, as it stands in an error or in an entry of a batch. */
export function kindOfCode(code: string): ErrorKind | undefined {
  const bare = code.slice(code.lastIndexOf(".") + 1).replace(/Exception$|Fault$/, "");
  return KINDS[bare] ?? KINDS[`${bare}Exception`];
}

function kindOfStatus(status: number): ErrorKind {
  if (status === 429) return "throttled";
  if (status === 403 || status === 401) return "auth";
  if (status >= 500) return "ambiguous";
  return status >= 400 ? "permanent" : "ambiguous";
}

/** A failed call as a driver error. Where it was denied, the message names the permission that is missing. */
export function driverError(error: unknown, action: string): DriverError {
  const kind = classify(error);
  const text = error instanceof Error ? error.message : String(error);
  const what =
    kind === "auth"
      ? `sqs:${action} was denied; allow it in the policy, or correct the credentials (${text})`
      : `${action}: ${text}`;
  return new DriverError(kind, what, { cause: error });
}

/** One failed entry of a batch. */
export interface FailedEntry {
  readonly Code?: string | undefined;
  readonly Message?: string | undefined;
  readonly SenderFault?: boolean | undefined;
}

/** An entry that is in neither list of the answer may have been carried out. */
export function entryError(failed: FailedEntry | undefined, action: string): DriverError {
  if (failed === undefined)
    return new DriverError("ambiguous", `${action}: the answer did not mention this entry`);
  const { Code = "", Message = "", SenderFault } = failed;
  const kind =
    kindOfCode(Code) ?? leaseLost(Code, Message) ?? (SenderFault === true ? "permanent" : "transient");
  return new DriverError(kind, `${action}: ${Code}${Message === "" ? "" : `: ${Message}`}`);
}

/** SQS reports a receipt handle whose time has passed as an invalid parameter. */
function leaseLost(code: string, message: string): ErrorKind | undefined {
  const invalid = code.endsWith("InvalidParameterValue") || code.endsWith("InvalidParameterValueException");
  return invalid && /receipt ?handle|not available for visibility/i.test(message) ? "lease_lost" : undefined;
}
