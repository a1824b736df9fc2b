import { type ErrorCode, isQueueError, type QueueError } from "../../src/errors.ts";

/** The codes of problems that are found before jobs are asked. All other codes are those of {@link ErrorCode}. */
export type ApiCode =
  | "invalid_request"
  | "unauthorized"
  | "forbidden"
  | "cross_site"
  | "not_local"
  | "no_route"
  | "method_not_allowed"
  | "unsupported_media_type"
  | "body_too_large"
  | "too_many_streams"
  | "internal";

/** The stable code of a problem. */
export type ProblemCode = ErrorCode | ApiCode | "job_cancelled" | "job_lost";

/** One fault of a request, at a place of it. */
export interface Fault {
  readonly detail: string;
  /** A JSON pointer into the body (RFC 6901). */
  readonly pointer?: string;
  /** The name of a parameter of the query or of the path. */
  readonly parameter?: string;
}

/** The parts of a {@link Problem} besides its status, code and sentence. */
export interface ProblemDetails {
  readonly errors?: readonly Fault[];
  readonly headers?: Readonly<Record<string, string>>;
  /** Further members of the answer. */
  readonly members?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** Begins the URIs that identify a kind of problem. They are names, and no addresses. */
const TYPE_BASE = "urn:queueport:problem:";
/** Seconds after which a request that failed for now is worth another try. */
const RETRY_AFTER_S = "5";

/** A request that is not answered as it asks: status, stable code, and a sentence that says what to do. */
export class Problem extends Error {
  override readonly name: string = "Problem";
  readonly status: number;
  readonly code: ProblemCode;
  readonly details: ProblemDetails;

  constructor(status: number, code: ProblemCode, detail: string, details: ProblemDetails = {}) {
    super(detail, details.cause === undefined ? undefined : { cause: details.cause });
    this.status = status;
    this.code = code;
    this.details = details;
  }

  /** The members of the answer (RFC 9457). */
  toJSON(): Readonly<Record<string, unknown>> {
    const { status, code, message, details } = this;
    const errors = details.errors === undefined ? {} : { errors: details.errors };
    return {
      type: `${TYPE_BASE}${code}`,
      title: titleOf(code),
      status,
      code,
      detail: message,
      ...errors,
      ...details.members,
    };
  }

  toResponse(): Response {
    return Response.json(this, {
      status: this.status,
      headers: {
        "content-type": "application/problem+json",
        "cache-control": "no-store",
        ...this.details.headers,
      },
    });
  }
}

function titleOf(code: string): string {
  const words = code.replaceAll("_", " ");
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`;
}

/** A request whose parts are wrong. */
export function invalidRequest(detail: string, errors?: readonly Fault[]): Problem {
  return new Problem(400, "invalid_request", detail, errors === undefined ? {} : { errors });
}

/** The status of an error whose sentence the caller may read. */
const STATUS: Readonly<Partial<Record<ErrorCode, number>>> = {
  invalid_message: 400,
  invalid_headers: 400,
  invalid_delay: 400,
  invalid_options: 400,
  not_supported: 400,
  not_found: 404,
  untracked: 404,
  too_large: 413,
  invalid_payload: 422,
  unknown_type: 422,
  conflict: 409,
  queue_full: 429,
};

/** Sentences in place of those of the provider and of the store, which name hosts, files, accounts and roles. */
const HIDDEN: Readonly<Partial<Record<ErrorCode, readonly [number, string]>>> = {
  send_failed: [503, "The job was not sent, since the queue provider could not be used. Try again later."],
  send_timeout: [503, "The job was not sent in time. Try again later."],
  send_unknown: [
    504,
    "The job may or may not have been sent. Send jobs that must not run twice with an Idempotency-Key, and repeat the request.",
  ],
  store_unavailable: [503, "The job store could not be used. Repeat the request when it is back."],
  unavailable: [503, "The queue provider could not be reached. Try again later."],
  closed: [503, "The server is shutting down. Try again later."],
  auth: [502, "The queue provider refused the server's credentials. The log of the server has the reason."],
  provider: [502, "The queue provider reported an error. The log of the server has the reason."],
};

const RETRIED: ReadonlySet<number> = new Set([429, 503, 504]);

/** The problem that an error is to the caller. An error that nobody foresaw is `internal`, without its text. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (isQueueError(error)) {
    const [status, detail] = HIDDEN[error.code] ?? [STATUS[error.code], error.message];
    if (status !== undefined) return ofQueueError(error, status, detail);
  }
  return new Problem(
    500,
    "internal",
    "The server failed to answer the request. The log of the server has the reason.",
    { cause: error },
  );
}

function ofQueueError(error: QueueError, status: number, detail: string): Problem {
  const headers: Record<string, string> = RETRIED.has(status)
    ? { "retry-after": status === 429 ? "1" : RETRY_AFTER_S }
    : {};
  return new Problem(status, error.code, detail, { cause: error, headers });
}
