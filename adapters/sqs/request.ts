import { DriverError, systemClock } from "../../src/driver/index.ts";
import type { Clients } from "./clients.ts";
import { driverError } from "./errors.ts";

/** The options of one call of the SDK. */
export interface CallOptions {
  readonly abortSignal: AbortSignal;
}

/** The limits of one request. */
export interface RequestOptions {
  readonly clients: Clients;
  /** The permission that the request needs, for the error of a denied request. */
  readonly action: string;
  /** The time limit, in milliseconds. @default that of the clients */
  readonly timeoutMs?: number | undefined;
}

/**
 * Makes one request with a time limit that lasts to the last byte of the answer. The SDK has no time limit by default.
 * Its `requestTimeout` only warns without `throwOnRequestTimeout`, and ends with the first byte of the answer. An
 * injected client may have neither.
 *
 * @throws DriverError `ambiguous` if there is no answer in time; otherwise the classified error of the call
 */
export async function request<Answer>(
  { clients, action, timeoutMs = clients.requestTimeoutMs }: RequestOptions,
  call: (options: CallOptions) => Promise<Answer>,
): Promise<Answer> {
  const giveUp = new AbortController();
  // Real time, whatever the driver's clock is: the other end is a real socket.
  const timer = systemClock.timer(timeoutMs, () => giveUp.abort(NO_ANSWER), true);
  try {
    const answer = await call({ abortSignal: giveUp.signal });
    clients.worked = true;
    return answer;
  } catch (error) {
    if (giveUp.signal.reason === NO_ANSWER)
      throw new DriverError("ambiguous", `${action}: no answer within ${timeoutMs} ms`, { cause: error });
    throw driverError(error, action, clients.worked);
  } finally {
    timer.cancel();
  }
}

const NO_ANSWER = new Error("no answer in time");
