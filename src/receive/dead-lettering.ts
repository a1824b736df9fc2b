import { forgetOldest } from "../lib/bounded-map.ts";
import type { Attributes, Operation } from "../driver/contract.ts";
import type { ErrorKind } from "../driver/error.ts";
import {
  type DeadLetterInfo,
  decodeInfo,
  encodeInfo,
  errorLine,
  infoAttributes,
} from "../message/dead-letter-info.ts";
import { frameOf } from "../message/fingerprint.ts";
import { inOrder } from "../message/requeue.ts";
import { ATTEMPT, DEAD_LETTER, DECIDED, TARGET } from "../message/system-attributes.ts";
import type { Disposition } from "../queue/disposition.ts";
import type { ReceiverContext } from "./context.ts";
import type { Replacer } from "./replacer.ts";
import type { Run } from "./run.ts";

/** Decisions that are remembered; beyond that, the oldest are forgotten. */
const MOST = 5_000;
/** Time before the move is tried again. It doubles with each try. */
const AGAIN_MS = 30_000;
const LONGEST_AGAIN_MS = 300_000;
/** Time for the copy that records a decision. */
const RECORD_DEADLINE_MS = 5_000;

/** The decision that a message is a dead letter. It stands, however long the move to the dead-letter queue takes. */
interface Decision {
  readonly info: DeadLetterInfo;
  readonly error: unknown;
  /** Failed tries of the move. */
  tries: number;
}

/** The outcome of a try. `left`: the message keeps its lease until that ends on its own. */
type Moved = "moved" | "recorded" | "left" | { readonly again: number };

/**
 * Moves messages to the dead-letter queue. A message that cannot be moved, since that queue is gone or may not be used,
 * never gets back to its handler: this receiver remembers the decision. Other processes read it from `qp_decided` of a copy
 * that replaces the message, if the message may lose its place.
 */
export class DeadLettering {
  readonly #context: ReceiverContext;
  readonly #replacer: Replacer;
  readonly #acknowledge: (run: Run) => Promise<unknown>;
  /** By the broker's id of the copy. */
  readonly #decisions = new Map<string, Decision>();

  /** @param acknowledge acknowledges a message whose copy was accepted */
  constructor(context: ReceiverContext, replacer: Replacer, acknowledge: (run: Run) => Promise<unknown>) {
    this.#context = context;
    this.#replacer = replacer;
    this.#acknowledge = acknowledge;
  }

  /** Whether it was decided before that the message is a dead letter. */
  isDecided({ system, delivery }: Run): boolean {
    return (
      system.decided !== undefined || (this.#decisions.size > 0 && this.#decisions.has(delivery.brokerId))
    );
  }

  /** The decision about a message as it is recorded in a copy; undefined if there is none. */
  recordOf({ system, delivery }: Run): string | undefined {
    const known = this.#decisions.get(delivery.brokerId);
    return known === undefined ? system.decided : encodeInfo(known.info);
  }

  /**
   * Moves a message. Resolves with the milliseconds for which it is to be released before another try; with undefined if
   * this process does not hold it any more.
   */
  async move(
    run: Run,
    decided?: Extract<Disposition, { readonly kind: "dead_letter" }>,
  ): Promise<number | undefined> {
    const { traits, reporter, connection } = this.#context;
    const { brokerId } = run.delivery;
    const decision =
      this.#decisions.get(brokerId) ?? recorded(run, connection.clock.now()) ?? this.#decision(run, decided);
    const { info, error } = decision;
    const moved =
      traits.deadLetter === "native"
        ? await this.#moveNatively(run, decision)
        : await this.#moveByCopy(run, decision);
    if (moved === "moved")
      reporter.report({ event: "dead_lettered", job: run.info, reason: info.reason, error });
    if (moved === "left" || typeof moved === "object") this.#remember(brokerId, decision);
    else this.#decisions.delete(brokerId);
    return typeof moved === "object" ? moved.again : undefined;
  }

  #decision(run: Run, decided?: Extract<Disposition, { readonly kind: "dead_letter" }>): Decision {
    const { connection, queue, traits } = this.#context;
    const { reason = "max_attempts", error, ran } = decided ?? {};
    const info: DeadLetterInfo = {
      reason,
      error: errorLine(error),
      frame: frameOf(error),
      attempts: ran === false ? run.attempt - 1 : run.attempt,
      source: queue,
      at: new Date(connection.clock.now()),
      firstSeenAt: run.message.createdAt,
      orderingKey: inOrder(run.delivery, traits) ? run.delivery.orderingKey : undefined,
    };
    return { info, error, tries: 0 };
  }

  async #moveByCopy(run: Run, decision: Decision): Promise<Moved> {
    const { traits, attempts } = this.#context;
    const kind = await this.#replacer.deadLetter(run, decision.info, decision.tries > 0);
    if (kind === undefined) {
      // Before the acknowledgement, so that a crash in between does not bury the message twice.
      this.#buried(run);
      await this.#acknowledge(run);
      return "moved";
    }
    const again = againMs(decision);
    // A fresh copy also keeps the broker's own limit of deliveries away, which would move the message without a reason.
    const isNew = run.system.decided === undefined || attempts.isWorn(run);
    const canRecord = isNew && !inOrder(run.delivery, traits);
    if (!canRecord) return { again };
    const isRecorded = await this.#replacer.requeue(
      run,
      "defer",
      again,
      {
        [TARGET]: traits.target,
        [ATTEMPT]: run.attempt - 1 || undefined,
        [DECIDED]: encodeInfo(decision.info),
      },
      RECORD_DEADLINE_MS,
    );
    if (!isRecorded) return { again };
    await this.#acknowledge(run);
    return "recorded";
  }

  async #moveNatively(run: Run, decision: Decision): Promise<Moved> {
    const { leases } = this.#context;
    leases.remove(run);
    await run.extending;
    const { info, tries } = decision;
    let kind = await this.#settleNatively(run, info, infoAttributes(info));
    // The details may be too much for a message that has as many attributes as the provider takes.
    if (kind === "too_large" || (kind === "permanent" && tries > 0))
      kind = await this.#settleNatively(run, info, {});
    run.left(kind === undefined);
    if (kind === undefined) this.#buried(run);
    return kind === undefined ? "moved" : "left";
  }

  /** Resolves with the kind of the error, or with undefined if the provider has confirmed the move. */
  #settleNatively(
    run: Run,
    { reason, error: description }: DeadLetterInfo,
    attributes: Attributes,
  ): Promise<ErrorKind | undefined> {
    const operation: Operation = {
      kind: "dead_letter",
      delivery: run.delivery,
      reason,
      description,
      attributes,
    };
    return new Promise((resolve) => {
      this.#context.settler.settleThen(operation, run, (_, confirmed, kind) =>
        resolve(confirmed ? undefined : (kind ?? "ambiguous")),
      );
    });
  }

  #buried(run: Run): void {
    const { tracker } = this.#context;
    if (tracker !== undefined && run.isReadable) tracker.buried(run);
  }

  #remember(brokerId: string, decision: Decision): void {
    decision.tries += 1;
    this.#decisions.delete(brokerId);
    this.#decisions.set(brokerId, decision);
    forgetOldest(this.#decisions, MOST);
  }
}

function againMs({ tries }: Decision): number {
  return Math.min(AGAIN_MS * 2 ** tries, LONGEST_AGAIN_MS);
}

/** The decision that another process has recorded with the message. */
function recorded({ system }: Run, now: number): Decision | undefined {
  if (system.decided === undefined) return undefined;
  const { info } = decodeInfo({ [DEAD_LETTER]: system.decided }, new Date(now));
  return info === undefined ? undefined : { info, error: new Error(info.error), tries: 0 };
}
