/**
 * The kind of an error at the provider. The core acts on the kind alone.
 *
 * - `throttled`: The request had no effect. The same request may succeed after a pause.
 * - `transient`: The request had no effect. The same request may succeed soon.
 * - `ambiguous`: The request may have had its effect, for example because its answer was lost.
 * - `lease_lost`: The message has been delivered again, or its lease has ended.
 * - `too_large`: The message never fits.
 * - `full`: The queue accepts no more messages at the moment.
 * - `not_found`: The queue does not exist.
 * - `auth`: The credentials are missing, or they lack a permission.
 * - `permanent`: The same request would fail again.
 */
export type ErrorKind =
  | "throttled"
  | "transient"
  | "ambiguous"
  | "lease_lost"
  | "too_large"
  | "full"
  | "not_found"
  | "auth"
  | "permanent";

/**
 * An error of one message or of one request, as a driver reports it. The message ends up in an error of the user: it
 * says what was attempted and what the provider answered.
 *
 * @example
 * return { ok: false, error: new DriverError("full", `The queue ${name} has reached its limit.`, { cause }) };
 */
export class DriverError extends Error {
  override readonly name = "DriverError";
  readonly kind: ErrorKind;

  constructor(kind: ErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/** Returns whether the same request may succeed when it is repeated. */
export function isRetryable(kind: ErrorKind): boolean {
  return kind === "throttled" || kind === "transient" || kind === "ambiguous";
}
