import { DriverError, type ErrorKind } from "../../src/driver/index.ts";

/** Codes of `ServiceBusError`, and of the administration client's `RestError`. */
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
  // Nobody gave an answer in time.
  ServiceTimeout: "ambiguous",
  SessionCannotBeLocked: "transient",
  UnauthorizedAccess: "auth",
  UnauthorizedRequestError: "auth",
  MessagingEntityDisabled: "permanent",
  InsufficientCreditError: "transient",
};

/** The SDK's own words for AMQP conditions that have no code, at the start of the message. */
const WORDS: Readonly<Record<string, ErrorKind>> = {
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

/** Sorts anything that the SDK throws. What it cannot place may have taken effect. */
export function classify(error: unknown): ErrorKind {
  if (error instanceof DriverError) return error.kind;
  const { name = "", code, message = "", statusCode, errors } = asObject(error);
  const known = typeof code === "string" ? (KINDS[code] ?? WORDS[code]) : undefined;
  if (known !== undefined) return known;
  const word = /^(?:ServiceBusError: )?(\w+):/.exec(message)?.[1] ?? "";
  if (WORDS[word] !== undefined) return WORDS[word];
  // A connection that never stood carried nothing.
  if (/ECONNREFUSED|ENOTFOUND|EAI_AGAIN|is reopening/.test(message)) return "transient";
  if (statusCode !== undefined) return kindOfStatus(statusCode);
  if (errors !== undefined && errors.length > 0) return classify(errors[0]);
  if (name === "TypeError" || name === "RangeError") return "permanent";
  if (name === "CredentialUnavailableError" || name.startsWith("AggregateAuthentication")) return "auth";
  return "ambiguous";
}

function kindOfStatus(status: number): ErrorKind {
  if (status === 401 || status === 403) return "auth";
  if (status === 404) return "not_found";
  if (status === 429 || status === 503) return "throttled";
  return status >= 400 && status < 500 ? "permanent" : "ambiguous";
}

/** Which claim an operation needs, so that a denial says what to grant. */
export type Claim = "Send" | "Listen" | "Manage";

/** A failed call as a driver error. */
export function driverError(error: unknown, attempted: string, claim: Claim): DriverError {
  if (error instanceof DriverError) return error;
  const kind = classify(error);
  const text = asObject(error).message ?? String(error);
  const what =
    kind === "auth"
      ? `${attempted} was denied; it needs the claim ${claim} (Azure Service Bus Data ${ROLES[claim]}) on this queue (${text})`
      : `${attempted}: ${text}`;
  return new DriverError(kind, what, { cause: error });
}

const ROLES: Readonly<Record<Claim, string>> = { Send: "Sender", Listen: "Receiver", Manage: "Owner" };

/** Whether the service has no such queue, or whoever asks may not know. */
export function isMissing(error: unknown): boolean {
  return classify(error) === "not_found";
}

function asObject(error: unknown): SdkError {
  return typeof error === "object" && error !== null ? error : {};
}
