import { DriverError } from "../../src/driver/index.ts";
import type { Clients } from "./clients.ts";
import { driverError } from "./errors.ts";

/** What one call of the SDK takes beside its command. */
export interface CallOptions {
  readonly abortSignal: AbortSignal;
}

/** One request, as its caller bounds it. */
export interface RequestOptions {
  readonly clients: Clients;
  /** The permission that it needs, for the error where it is denied. */
  readonly action: string;
  /** @default that of the clients */
  readonly timeoutMs?: number | undefined;
  /** Aborting it gives the request up as well. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * One request, from its first byte to the last of its answer, or a driver error. The SDK bounds no request unless it
 * is told to; its own `requestTimeout` only warns without `throwOnRequestTimeout`, and ends with the first byte of the
 * answer in any case; and an injected client has whatever it was made with.
 */
export async function request<Answer>(
  { clients, action, timeoutMs = clients.requestTimeoutMs, signal }: RequestOptions,
  call: (options: CallOptions) => Promise<Answer>,
): Promise<Answer> {
  if (signal?.aborted === true)
    throw new DriverError("transient", `${action}: given up before it was made`, { cause: signal.reason });
  const giveUp = new AbortController();
  const onAbort = (): void => giveUp.abort(signal?.reason);
  // Real time, whatever clock the driver has: the other end is a real socket.
  const timer = setTimeout(() => giveUp.abort(NO_ANSWER), timeoutMs);
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    const answer = await call({ abortSignal: giveUp.signal });
    clients.worked = true;
    return answer;
  } catch (error) {
    if (giveUp.signal.reason === NO_ANSWER)
      throw new DriverError("ambiguous", `${action}: no answer within ${timeoutMs} ms`, { cause: error });
    throw driverError(error, action, clients.worked);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}

const NO_ANSWER = new Error("no answer in time");
