import { DriverError, type ErrorKind } from "../../src/driver/index.ts";

/** Error kinds by code of `ServiceBusError` and of the administration client's `RestError`. */
const KINDS: Readonly<Record<string, ErrorKind>> = {
  MessagingEntityNotFound: "not_found",
  MessageEntityNotFoundError: "not_found",
  MessageLockLost: "lease_lost",
  SessionLockLost: "lease_lost",
  MessageNotFound: "lease_lost",
  MessageSizeExceeded: "too_large",
  QuotaExceeded: "full",
  ServiceBusy: "throttled",
  ServerBusyError: "throttled",
  // The SDK stopped waiting for an answer, so the request may have succeeded.
  ServiceTimeout: "ambiguous",
  SessionCannotBeLocked: "transient",
  UnauthorizedAccess: "auth",
  UnauthorizedRequestError: "auth",
  MessagingEntityDisabled: "permanent",
  InsufficientCreditError: "transient",
};

/** Error kinds by the name with which the SDK begins the message of an AMQP condition that has no code. */
const NAMES: Readonly<Record<string, ErrorKind>> = {
  InvalidOperationError: "permanent",
  NotImplementedError: "permanent",
  ArgumentError: "permanent",
  DetachForcedError: "ambiguous",
  InternalServerError: "ambiguous",
  ECONNREFUSED: "transient",
  ENOTFOUND: "transient",
  EAI_AGAIN: "transient",
  EHOSTUNREACH: "transient",
  ENETUNREACH: "transient",
  SenderNotReadyError: "transient",
  SenderBusyError: "transient",
};

interface SdkError {
  readonly name?: string;
  readonly code?: unknown;
  readonly message?: string;
  readonly statusCode?: number;
  readonly errors?: readonly unknown[];
}

/** The kind of anything that the SDK throws. An unknown error is `ambiguous`, since the request may have succeeded. */
export function classify(error: unknown): ErrorKind {
  if (error instanceof DriverError) return error.kind;
  const { name = "", code, message = "", statusCode, errors } = asObject(error);
  const known = typeof code === "string" ? (KINDS[code] ?? NAMES[code]) : undefined;
  if (known !== undefined) return known;
  const prefix = /^(?:ServiceBusError: )?(\w+):/.exec(message)?.[1] ?? "";
  if (NAMES[prefix] !== undefined) return NAMES[prefix];
  // Without a connection, no request was sent.
  if (/ECONNREFUSED|ENOTFOUND|EAI_AGAIN|is reopening/.test(message)) return "transient";
  if (statusCode !== undefined) return kindOfStatus(statusCode);
  if (errors !== undefined && errors.length > 0) return classify(errors[0]);
  if (name === "TypeError" || name === "RangeError") return "permanent";
  if (isWithoutCredentials(error)) return "auth";
  return "ambiguous";
}

function kindOfStatus(status: number): ErrorKind {
  if (status === 401 || status === 403) return "auth";
  if (status === 404) return "not_found";
  if (status === 429 || status === 503) return "throttled";
  return status >= 400 && status < 500 ? "permanent" : "ambiguous";
}

/** The claim that an operation needs. An error of kind `auth` names it. */
export type Claim = "Send" | "Listen" | "Manage";

/**
 * The driver error for a failed call of the SDK.
 * @param attempted the attempted operation, such as "Reading the queue emails"
 * @param claim the claim that the operation needs
 */
export function driverError(error: unknown, attempted: string, claim: Claim): DriverError {
  if (error instanceof DriverError) return error;
  const kind = classify(error);
  const text = asObject(error).message ?? String(error);
  if (kind !== "auth") return new DriverError(kind, `${attempted}: ${text}`, { cause: error });
  const description = isWithoutCredentials(error)
    ? `there are no credentials: set a connectionString, sign in with az login, or give this machine a managed identity (${text})`
    : `${attempted} was denied; it needs the claim ${claim} (Azure Service Bus Data ${ROLES[claim]}) on this queue (${text})`;
  return new DriverError(kind, description, { cause: error });
}

/**
 * The driver error for a failed attempt to receive. An error that the SDK has thrown while it read from its connection is
 * about that connection, and the next attempt gets a new one: it ends no receiver.
 */
export function receivingError(error: unknown, attempted: string): DriverError {
  const failure = driverError(error, attempted, "Listen");
  return isThrownBySdk(error) && failure.kind === "permanent"
    ? new DriverError("transient", failure.message, { cause: error })
    : failure;
}

/** Whether an error is one of JavaScript, which the SDK throws for bytes that it cannot read. */
export function isThrownBySdk(error: unknown): boolean {
  const { name = "", message = "" } = asObject(error);
  return /^(?:Type|Range)Error/.test(`${name}: ${message}`) || /\b(?:Type|Range)Error\b/.test(message);
}

/** Whether the library for credentials found none. */
function isWithoutCredentials(error: unknown): boolean {
  const { name = "" } = asObject(error);
  return name === "CredentialUnavailableError" || name.startsWith("AggregateAuthentication");
}

const ROLES: Readonly<Record<Claim, string>> = { Send: "Sender", Listen: "Receiver", Manage: "Owner" };

/** Whether the error means that the queue does not exist, or is hidden from this identity. */
export function isMissing(error: unknown): boolean {
  return classify(error) === "not_found";
}

function asObject(error: unknown): SdkError {
  return typeof error === "object" && error !== null ? error : {};
}
