import { defaults } from "../defaults.ts";
import type { Outgoing } from "../driver/contract.ts";
import { DriverError, type ErrorKind } from "../driver/error.ts";
import { type DeadLetterInfo, deadLetterAttributes } from "../message/dead-letter-info.ts";
import { ownKey } from "../message/own-key.ts";
import { requeueCopy } from "../message/requeue.ts";
import { withSystemAttributes } from "../message/system-attributes.ts";
import type { ReceiverContext } from "./context.ts";
import type { Run } from "./run.ts";

/**
 * Sends what replaces a message: a requeued copy, or a copy in the dead-letter queue. Each method resolves true once the
 * broker has accepted the copy, and the original may be acknowledged; false if it was not accepted, which was reported.
 */
export class Replacer {
  readonly #context: ReceiverContext;

  constructor(context: ReceiverContext) {
    this.#context = context;
  }

  /** Sends a copy to the same queue, due after `delayMs`, with some system attributes changed. */
  requeue(
    run: Run,
    purpose: "retry" | "defer",
    delayMs: number,
    changes: Readonly<Record<string, string | number | undefined>>,
  ): Promise<boolean> {
    const { queue, sender } = this.#context;
    const attributes = withSystemAttributes(run.delivery.attributes, changes);
    const copy = requeueCopy(run.delivery, run.id, purpose, attributes);
    const plan = { delayMs, deadlineMs: defaults.sendDeadlineMs };
    return this.#accepted(run, "requeue", sender.dispatch(queue, copy, plan));
  }

  /** Sends a copy to the dead-letter queue. */
  deadLetter(run: Run, info: DeadLetterInfo): Promise<boolean> {
    const { connection, sender, traits } = this.#context;
    const attributes = deadLetterAttributes(run.delivery.attributes, info, connection.limits);
    // A key of its own for each message: dead letters have no order among them, and none may block another.
    const orderingKey = run.delivery.orderingKey === undefined ? undefined : ownKey(run.id);
    const copy: Outgoing = { ...requeueCopy(run.delivery, run.id, "dead_letter", attributes), orderingKey };
    const sent = sender.send(traits.deadLetterQueue, copy, defaults.sendDeadlineMs);
    return this.#accepted(run, "dead_letter", sent);
  }

  async #accepted(run: Run, operation: string, sent: Promise<unknown>): Promise<boolean> {
    try {
      await sent;
      return true;
    } catch (error) {
      const { queue, reporter } = this.#context;
      const cause = error instanceof Error && error.cause instanceof DriverError ? error.cause : undefined;
      const kind: ErrorKind = cause?.kind ?? "permanent";
      reporter.report({ event: "settle_failed", queue, id: run.id, operation, error, kind });
      return false;
    }
  }
}
