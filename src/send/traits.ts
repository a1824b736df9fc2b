import { backoffDelayMs, requestBackoff } from "../backoff.ts";
import { sleep } from "../lib/clock.ts";
import { type Connection, queueError } from "../transport/connection.ts";
import { DriverError, isRetryable } from "../driver/error.ts";
import type { QueueTraits } from "../driver/limits.ts";
import { unlessAborted, within } from "../lib/wait.ts";
import { notSent } from "./outcomes.ts";

const RETRY = requestBackoff(100, 5_000);

/**
 * Requests the traits of a queue, and tries again until the deadline of the send.
 * @throws QueueError `send_failed` when the deadline passes; `not_found`, `auth` or `provider` at once; the reason of the
 * signal when it aborts
 */
export async function traitsInTime(
  connection: Connection,
  queue: string,
  deadlineMs: number,
  signal: AbortSignal = new AbortController().signal,
): Promise<QueueTraits> {
  const { clock, driver, random } = connection;
  const deadlineAt = clock.monotonic() + deadlineMs;
  for (let failures = 1; ; failures += 1) {
    try {
      const asked = unlessAborted(connection.traits(queue), signal);
      const traits = await within(clock, deadlineAt - clock.monotonic(), asked, () => {
        throw new DriverError("transient", "the provider has not answered");
      });
      if (traits !== undefined) return traits;
    } catch (error) {
      if (!(error instanceof DriverError) || !isRetryable(error.kind))
        throw queueError(error, queue, "send to", driver.provider);
      const waitMs = backoffDelayMs(RETRY, failures, random);
      if (clock.monotonic() + waitMs >= deadlineAt) throw notSent(queue, deadlineMs, error);
      await sleep(clock, waitMs, signal);
    }
    signal.throwIfAborted();
  }
}
