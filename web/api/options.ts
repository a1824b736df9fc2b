import { checkKeys, describeError, isQueueError, type KnownKeys, QueueError } from "../../src/errors.ts";
import { warnings } from "../../src/jobs/warnings.ts";
import type { Clock } from "../../src/lib/clock.ts";
import { type Duration, durationMs } from "../../src/lib/duration.ts";
import { show } from "../../src/lib/text.ts";
import { ANYONE, anyoneHere, type Authorize, type Caller } from "./caller.ts";

/** A change that a caller has asked for, and its outcome. For a log that says who did what. */
export interface AuditEvent {
  /** The operation, such as `cancelJob`. */
  readonly operation: string;
  readonly method: string;
  readonly path: string;
  /** The name of the caller; undefined if it has none, or if the request was not authorized. */
  readonly name: string | undefined;
  readonly tenant: string | undefined;
  /** The HTTP status of the answer. */
  readonly status: number;
}

/** The options of `jobsApi`. One of `authorize` and `open` is needed. */
export interface JobsApiOptions {
  /** Returns the caller of a request; undefined refuses it with 401. */
  readonly authorize?: Authorize | undefined;
  /**
   * Whether everybody may do everything. `true` serves requests to this machine by its name `localhost` or its loopback
   * address; `anywhere` serves all, for an API behind a proxy that authorizes.
   * @default false
   */
  readonly open?: boolean | "anywhere" | undefined;
  /** The path below which the API is reached. It is written into `Location`. @default /api/v1 */
  readonly basePath?: string | undefined;
  /** Whether jobs of types are sent that neither a definition nor a live worker knows. @default false */
  readonly anyType?: boolean | undefined;
  /** Queues that are listed although they have no job, by their logical names. @default none */
  readonly queues?: readonly string[] | undefined;
  /** Bytes that a body may have. @default 1048576 */
  readonly maxBodyBytes?: number | undefined;
  /** Event streams that are open at once. @default 256 */
  readonly maxStreams?: number | undefined;
  /** Time between two signs of life in an event stream. @default 15 seconds */
  readonly heartbeat?: Duration | undefined;
  /** Called after each request that asked for a change, refused ones among them. @default none */
  readonly onAudit?: ((event: AuditEvent) => void) | undefined;
  /**
   * Called with errors whose text the answer leaves out. Counts of queues are read without a request of their own.
   * @default a warning of the process, once a minute for each code
   */
  readonly onError?: ((error: unknown, request: Request | undefined) => void) | undefined;
}

/** The options with their defaults. */
export interface ApiSettings {
  readonly authorize: Authorize;
  readonly basePath: string;
  readonly anyType: boolean;
  readonly queues: readonly string[];
  readonly maxBodyBytes: number;
  readonly maxStreams: number;
  readonly heartbeatMs: number;
  readonly clock: Clock;
  readonly onAudit: (event: AuditEvent) => void;
  readonly onError: (error: unknown, request: Request | undefined) => void;
}

const KNOWN: KnownKeys<JobsApiOptions> = {
  authorize: true,
  open: true,
  basePath: true,
  anyType: true,
  queues: true,
  maxBodyBytes: true,
  maxStreams: true,
  heartbeat: true,
  onAudit: true,
  onError: true,
};

/**
 * Checks the options and fills in the defaults.
 * @throws QueueError `invalid_options`
 */
export function settingsOf(options: JobsApiOptions, clock: Clock): ApiSettings {
  if (typeof options !== "object" || options === null) refuse(NEEDS_ONE);
  checkKeys("jobsApi", options, KNOWN);
  const {
    basePath = "/api/v1",
    anyType = false,
    queues = [],
    maxBodyBytes = 1_048_576,
    maxStreams = 256,
    heartbeat = 15_000,
    onAudit = () => {},
    onError = warningsOf(clock),
  } = options;
  if (basePath !== "" && !/^(?:\/[\w.~-]+)+$/.test(basePath))
    refuse(
      `basePath is a path that begins with a slash and does not end with one, or ""; got ${show(basePath)}.`,
    );
  if (!Array.isArray(queues)) refuse(`queues is a list of names; got ${show(queues)}.`);
  const heartbeatMs = durationMs(heartbeat);
  if (!(heartbeatMs > 0 && Number.isFinite(heartbeatMs)))
    refuse(`heartbeat is a duration, more than 0 milliseconds; got ${show(heartbeat)}.`);
  return {
    authorize: authorizeOf(options),
    basePath,
    anyType,
    queues,
    maxBodyBytes: whole("maxBodyBytes", maxBodyBytes),
    maxStreams: whole("maxStreams", maxStreams),
    heartbeatMs,
    clock,
    onAudit: (event) => guarded(() => onAudit(event)),
    onError: (error, request) => guarded(() => onError(error, request)),
  };
}

const NEEDS_ONE =
  'authorize is needed: a function that returns the caller of a request, such as bearerTokens({ [token]: { role: "admin" } }). For an API that only this machine reaches, set open: true.';

function authorizeOf({ authorize, open = false }: JobsApiOptions): Authorize {
  if (![true, false, "anywhere"].includes(open)) refuse(`open is true or "anywhere"; got ${show(open)}.`);
  if (authorize !== undefined && open !== false) refuse("authorize and open exclude each other.");
  if (open === "anywhere") return (): Caller => ANYONE;
  if (open) return anyoneHere;
  if (typeof authorize !== "function") refuse(NEEDS_ONE);
  return authorize;
}

function whole(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  return refuse(`${name} is a whole number, 1 or more; got ${show(value)}.`);
}

function refuse(sentence: string): never {
  throw new QueueError("invalid_options", `jobsApi: ${sentence}`);
}

/** A listener is a part of the application. Its error must not fail a request. */
function guarded(call: () => void): void {
  try {
    call();
  } catch {
    // It has nowhere to go.
  }
}

/** Reports errors as warnings of the process: each code once a minute, as an outage fails all requests. */
function warningsOf(clock: Clock): (error: unknown) => void {
  const warn = warnings(clock);
  return (error) => {
    const text = error instanceof Error ? (error.stack ?? error.message) : describeError(error);
    warn(
      `api_${isQueueError(error) ? error.code : "failed"}`,
      `The REST API could not answer a request: ${text}`,
    );
  };
}
