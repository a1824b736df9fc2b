import { DriverError, type ErrorKind } from "../../src/driver/index.ts";

/** The kinds of errors by the names that SQS and the SDK give them, without the prefix of SQS's older protocol. */
const KINDS: Readonly<Record<string, ErrorKind>> = {
  QueueDoesNotExist: "not_found",
  NonExistentQueue: "not_found",
  QueueDeletedRecently: "transient",
  OverLimit: "throttled",
  RequestThrottled: "throttled",
  RequestLimitExceeded: "throttled",
  Throttled: "throttled",
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
  InvalidSignature: "auth",
  InvalidSignatureException: "auth",
  RequestExpired: "auth",
  RequestInTheFuture: "auth",
  RequestTimeTooSkewed: "auth",
  OptInRequired: "auth",
  KmsOptInRequired: "auth",
  ExpiredToken: "auth",
  ExpiredTokenException: "auth",
  CredentialsProviderError: "auth",
  ServiceUnavailable: "transient",
};

/** Errors of missing credentials. They are temporary if there were credentials before. */
const NO_CREDENTIALS: ReadonlySet<string> = new Set([
  "ExpiredToken",
  "ExpiredTokenException",
  "CredentialsProviderError",
]);

/** Errors before there was a connection: the request had no effect. */
const NEVER_SENT: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);
/** Errors of an open connection: the request may have arrived. */
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
  /** Anything, if the error is not one of the SDK. */
  readonly name?: unknown;
  readonly code?: unknown;
  readonly Code?: string;
  readonly message?: string;
  readonly cause?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly clockSkewCorrected?: boolean };
}

/** The message of undici for a proxy that refuses to connect. */
const PROXY_REFUSED = /^Proxy response \((\d+)\)/;

/** The SDK's messages for a connection that was not established, and for a missing region. */
const NOT_CONNECTED = /did not establish a connection/;
const NO_REGION = /^Region is missing/;

/** Classifies any error of the SDK. An unknown error is `ambiguous`, since the request may have taken effect. */
export function classify(error: unknown): ErrorKind {
  if (error instanceof DriverError) return error.kind;
  const {
    name: named = "",
    code: coded = "",
    message = "",
    $metadata,
    cause,
  } = (typeof error === "object" && error !== null ? error : {}) as SdkError;
  const [name, code] = [String(named), String(coded)];
  const refusal = PROXY_REFUSED.exec(message)?.[1];
  // The request has not left: the proxy wants a password, or cannot reach SQS.
  if (refusal !== undefined) return refusal === "407" ? "auth" : "transient";
  const known = kindOfCode(name) ?? kindOfCode(code);
  const status = $metadata?.httpStatusCode;
  const kind = known ?? (status === 401 || status === 403 ? "auth" : undefined);
  // The signature was refused because this machine's clock is wrong. The SDK corrects the next requests.
  if (kind === "auth" && $metadata?.clockSkewCorrected === true) return "transient";
  if (kind !== undefined) return kind;
  if (NO_REGION.test(message)) return "permanent";
  if (NOT_CONNECTED.test(message)) return "transient";
  if (NEVER_SENT.has(code) || NEVER_SENT.has(name)) return "transient";
  if (MAYBE_SENT.has(code) || MAYBE_SENT.has(name)) return "ambiguous";
  if (status !== undefined) return kindOfStatus(status);
  if (cause !== undefined && cause !== error) return classify(cause);
  return "ambiguous";
}

/** The kind of an error code, from an error or from a failed entry of a batch. */
export function kindOfCode(code: string): ErrorKind | undefined {
  const bare = code.slice(code.lastIndexOf(".") + 1).replace(/Exception$|Fault$/, "");
  return KINDS[bare] ?? KINDS[`${bare}Exception`];
}

function kindOfStatus(status: number): ErrorKind {
  if (status === 429) return "throttled";
  if (status >= 500) return "ambiguous";
  return status >= 400 ? "permanent" : "ambiguous";
}

/**
 * Converts the error of a failed call. The message of an `auth` error names the missing permission.
 * @param worked whether earlier requests were answered, so that missing credentials are temporary
 */
export function driverError(error: unknown, action: string, worked: boolean = false): DriverError {
  if (error instanceof DriverError) return error;
  const { name = "", message } = error instanceof Error ? error : { message: String(error) };
  const kind = worked && NO_CREDENTIALS.has(name) ? "transient" : classify(error);
  const refusal = PROXY_REFUSED.exec(message)?.[1];
  if (refusal !== undefined) {
    const fix = "check the option proxy, or the variables HTTPS_PROXY and NO_PROXY";
    return new DriverError(
      kind,
      `${action}: the proxy refused the connection with status ${refusal}; ${fix}`,
      {
        cause: error,
      },
    );
  }
  const what = kind === "auth" ? denied(action, name, message) : `${action}: ${message}${advice(message)}`;
  return new DriverError(kind, what, { cause: error });
}

/** The message of a call without credentials, or of a denied call. If the key of an encrypted queue is denied, the missing permission is one of KMS. */
function denied(action: string, code: string, text: string): string {
  if (code === "CredentialsProviderError") {
    return `there are no credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine a role (${text})`;
  }
  if (NO_CREDENTIALS.has(code)) return `the credentials have expired: renew them (${text})`;
  const missing = code.startsWith("Kms") || code.startsWith("KMS") ? KMS_ACTIONS : `sqs:${action}`;
  return `${missing} was denied; allow it in the policy, or correct the credentials (${text})`;
}

const KMS_ACTIONS = "kms:Decrypt or, to send, kms:GenerateDataKey";

function advice(text: string): string {
  return NO_REGION.test(text) ? ": give region, or set AWS_REGION" : "";
}

/** One failed entry of a batch. */
export interface FailedEntry {
  readonly Code?: string | undefined;
  readonly Message?: string | undefined;
  readonly SenderFault?: boolean | undefined;
}

/** Converts the error of one entry. An entry that the answer does not mention may have been carried out. */
export function entryError(failed: FailedEntry | undefined, action: string): DriverError {
  if (failed === undefined)
    return new DriverError("ambiguous", `${action}: the answer did not mention this entry`);
  const { Code = "", Message = "", SenderFault } = failed;
  const kind =
    kindOfCode(Code) ?? kindOfParameter(Code, Message) ?? (SenderFault === true ? "permanent" : "transient");
  const text = `${Code}${Message === "" ? "" : `: ${Message}`}`;
  return new DriverError(kind, kind === "auth" ? denied(action, Code, text) : `${action}: ${text}`);
}

/** SQS reports an expired receipt handle, and a message above the limit of its queue, as an invalid parameter. */
function kindOfParameter(code: string, message: string): ErrorKind | undefined {
  if (!code.endsWith("InvalidParameterValue") && !code.endsWith("InvalidParameterValueException"))
    return undefined;
  if (/receipt ?handle|not available for visibility/i.test(message)) return "lease_lost";
  return /must be shorter than \d+ bytes/i.test(message) ? "too_large" : undefined;
}
