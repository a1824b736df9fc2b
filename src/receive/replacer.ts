import { defaults } from "../defaults.ts";
import type { Outgoing } from "../driver/contract.ts";
import { DriverError, type ErrorKind } from "../driver/error.ts";
import { isQueueError } from "../errors.ts";
import { deadLetterForms } from "../message/dead-letter-forms.ts";
import type { DeadLetterInfo } from "../message/dead-letter-info.ts";
import { ownKey } from "../message/own-key.ts";
import { requeueCopy } from "../message/requeue.ts";
import { withSystemAttributes } from "../message/system-attributes.ts";
import type { ReceiverContext } from "./context.ts";
import type { Run } from "./run.ts";

/**
 * Time for a dead letter. With the copy that records a decision after it, it ends within a drain of the default length. A
 * copy that is sent later could not be followed by an acknowledgement, and would double the message.
 */
const DEAD_LETTER_DEADLINE_MS = 10_000;

/**
 * Sends what replaces a message: a requeued copy, or a copy in the dead-letter queue. Once the broker has accepted the
 * copy, the original may be acknowledged. A copy that it did not accept was reported.
 */
export class Replacer {
  readonly #context: ReceiverContext;

  constructor(context: ReceiverContext) {
    this.#context = context;
  }

  /**
   * Sends a copy to the same queue, due after `delayMs`, with some system attributes changed. Resolves true once the
   * broker has accepted it.
   */
  async requeue(
    run: Run,
    purpose: "retry" | "defer",
    delayMs: number,
    changes: Readonly<Record<string, string | number | undefined>>,
    deadlineMs: number = defaults.sendDeadlineMs,
  ): Promise<boolean> {
    const { queue, sender } = this.#context;
    const attributes = withSystemAttributes(run.delivery.attributes, changes);
    const copy = requeueCopy(run.delivery, run.id, purpose, attributes);
    try {
      await sender.dispatch(queue, copy, { delayMs, deadlineMs });
      return true;
    } catch (error) {
      this.#report(run, "requeue", error);
      return false;
    }
  }

  /**
   * Sends a copy to the dead-letter queue, in the best form that the provider takes. Resolves with undefined once the
   * broker has accepted it, and with the kind of the error otherwise. A `permanent` error may have nothing to do with the
   * form, so smaller ones are tried only if `isRepeated`.
   */
  async deadLetter(run: Run, info: DeadLetterInfo, isRepeated: boolean): Promise<ErrorKind | undefined> {
    const { connection, sender, traits, reporter } = this.#context;
    const { delivery, id } = run;
    let refused: unknown;
    for (const { attributes, lacks } of deadLetterForms(delivery.attributes, info, connection.limits)) {
      const copy = this.#deadLetterCopy(run, attributes);
      // Without its details, the copy is no larger than the message. Then the provider decides, since the core's own count
      // of bytes is on the safe side.
      const plan = { delayMs: 0, deadlineMs: DEAD_LETTER_DEADLINE_MS, unchecked: lacks !== undefined };
      try {
        await sender.dispatch(traits.deadLetterQueue, copy, plan);
        if (lacks !== undefined)
          reporter.warn(
            "dead_letter_cut",
            `The dead letter of message ${id} lacks ${lacks}: with it, the provider did not take the copy. The reason was ${info.reason}.`,
          );
        return undefined;
      } catch (error) {
        refused = error;
        const kind = kindOf(error);
        if (kind !== "too_large" && !(kind === "permanent" && isRepeated)) break;
      }
    }
    return this.#report(run, "dead_letter", refused);
  }

  #deadLetterCopy({ delivery, id }: Run, attributes: Outgoing["attributes"]): Outgoing {
    const copy = requeueCopy(delivery, id, "dead_letter", attributes);
    if (delivery.orderingKey === undefined) return copy;
    // A key of its own for each message: dead letters have no order among them, and none may block another.
    return { ...copy, orderingKey: ownKey(id) };
  }

  #report({ id }: Run, operation: string, error: unknown): ErrorKind {
    const { queue, reporter } = this.#context;
    const kind = kindOf(error);
    reporter.report({ event: "settle_failed", queue, id, operation, error, kind });
    return kind;
  }
}

function kindOf(error: unknown): ErrorKind {
  if (error instanceof Error && error.cause instanceof DriverError) return error.cause.kind;
  return isQueueError(error, "too_large") ? "too_large" : "permanent";
}
