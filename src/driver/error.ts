/**
 * What went wrong at the provider, in the only terms that the core acts on.
 *
 * - `throttled`: slow down, then the same again. `transient`: the same again. Neither had an effect.
 * - `ambiguous`: the request may have taken effect (its answer was lost).
 * - `lease_lost`: this delivery belongs to another receiver now.
 * - `too_large`: never fits. `full`: the queue takes no more now.
 * - `not_found`: no such queue. `auth`: not allowed. `permanent`: the same again fails again.
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

/** An error of one message or one request, as a driver reports it. */
export class DriverError extends Error {
  override readonly name = "DriverError";
  readonly kind: ErrorKind;

  constructor(kind: ErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/** Whether the same request may succeed if it is simply made again. */
export function isRetryable(kind: ErrorKind): boolean {
  return kind === "throttled" || kind === "transient" || kind === "ambiguous";
}
