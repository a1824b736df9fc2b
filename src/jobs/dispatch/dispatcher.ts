import { isQueueError } from "../../errors.ts";
import { sleep } from "../../lib/clock.ts";
import type { NewMessage } from "../../message/message.ts";
import type { JobsContext } from "../context.ts";
import { hashOf } from "../payload-hash.ts";
import { reasonOf } from "../reason.ts";
import { recordedJobFlags } from "../track/seed.ts";
import type { DispatchedChange, UndispatchedChange } from "../store/change.ts";
import type { JobRow } from "../store/job-row.ts";
import type { DueJob } from "../store/job-store.ts";
import { InFlightByQueue } from "./in-flight-by-queue.ts";
import { isPermanent } from "./permanent.ts";

/** Milliseconds for which a process takes a job to send it. If it dies, another one sends the job after that. */
export const DISPATCH_MS = 35_000;
/** Milliseconds for one send: it ends before another process takes the job over. */
const SEND_MS = 25_000;
/** Jobs that are taken in one request. */
const TAKEN = 100;
/** Milliseconds after which the store is looked at in any case. */
const LOOK_MS = 1_000;
/** The same for a store that no other process writes: it announces each job that is to be sent. */
const LOOK_ALONE_MS = 10_000;
/** Wait for a job that is due by the clock of this process, and not by that of the store. */
const NOT_YET_MS = 100;
/** Wait after the store could not be reached. */
const DOWN_MS = 5_000;
/** Wait after the first send of a job that fails, and after any. It doubles each time. */
const RETRY_MS = 1_000;
const MAX_RETRY_MS = 60_000;
/** Times that the end of a dispatch is written at most. */
const NOTES = 3;

/**
 * Sends the messages of jobs that were recorded first: at once for a job that this process has recorded, and in a loop for
 * those that fall due, and those that a process has left that died. No two processes are given the same job.
 */
export class Dispatcher {
  readonly #context: JobsContext;
  readonly #inFlight = new Set<Promise<void>>();

  constructor(context: JobsContext) {
    this.#context = context;
  }

  /** Sends the message of a job that this process has taken. Resolves when its outcome is recorded, and never rejects. */
  dispatch(due: DueJob): Promise<void> {
    const sending = this.#send(due).finally(() => this.#inFlight.delete(sending));
    this.#inFlight.add(sending);
    return sending;
  }

  /** Resolves when the dispatches that are under way have ended. */
  async drain(): Promise<void> {
    await Promise.all(this.#inFlight);
  }

  /** Sends the jobs that are due, until `signal` aborts and the last of them is sent. */
  async run(signal: AbortSignal): Promise<void> {
    const { records, warn } = this.#context;
    const { store, namespace } = records;
    const bell = new Bell();
    const inFlight = new InFlightByQueue(() => bell.ring());
    const unlisten = store.listen(namespace, (hint) => {
      if (hint === "due") bell.ring();
    });
    try {
      while (!signal.aborted) {
        try {
          const options = { limit: TAKEN, takenMs: DISPATCH_MS, except: inFlight.full };
          const due = await records.read(() => store.takeDue(namespace, options));
          for (const one of due) inFlight.add(one.row.queue, this.dispatch(one));
          if (due.length < TAKEN) await this.#wait(bell, signal, inFlight.full.length > 0);
        } catch (error) {
          warn(
            "dispatch",
            `Jobs that are due cannot be sent at the moment: ${reasonOf(error)}. They are sent when the job store is back.`,
          );
          await sleep(this.#context.clock, DOWN_MS, signal);
        }
      }
    } finally {
      unlisten();
      await this.drain();
    }
  }

  /** Waits for the next job that is due: by its time, by a hint, and no longer than the store needs. */
  async #wait(bell: Bell, signal: AbortSignal, isAnyFull: boolean): Promise<void> {
    const { records, clock } = this.#context;
    // The next job may be of a queue of which none are taken now.
    const nextAt = isAnyFull
      ? undefined
      : await records.read((store, namespace) => store.nextDueAt(namespace));
    const lookMs = isAnyFull || records.store.capabilities.shared ? LOOK_MS : LOOK_ALONE_MS;
    // The store has just been asked for what is due by its own clock. The one of this process may be ahead of that.
    const leftMs = nextAt === undefined ? lookMs : nextAt - clock.now();
    const ms = leftMs > 0 ? Math.min(lookMs, leftMs) : NOT_YET_MS;
    const woken = new AbortController();
    const wake = (): void => woken.abort();
    signal.addEventListener("abort", wake, { once: true });
    bell.onRing(wake);
    if (signal.aborted) wake();
    await sleep(clock, ms, woken.signal);
    signal.removeEventListener("abort", wake);
    bell.onRing(undefined);
  }

  /** Never rejects. */
  async #send({ row, message }: DueJob): Promise<void> {
    const { id, queue, dispatches: dispatch, generation } = row;
    const { queue: managed, namespace, warn } = this.#context;
    try {
      await managed.sendManaged(queue, messageOf({ row, message }), {
        deadlineMs: SEND_MS,
        createdAt: row.createdAt,
        scheduledAt: row.scheduledAt,
        encoding: message.encoding,
        repeatId: hashOf([namespace, id, generation, dispatch]),
        system: systemOf(row),
      });
    } catch (error) {
      const failures = row.dispatch?.failures ?? 0;
      const isOver = isPermanent(error, failures + 1);
      warn(
        "dispatch",
        `Job ${id} could not be sent to queue "${queue}": ${reasonOf(error)}. ${isOver ? "It has failed." : "It is tried again."}`,
      );
      const inMs = isOver ? undefined : Math.min(RETRY_MS * 2 ** failures, MAX_RETRY_MS);
      const { message: text, code } = recorded(error);
      await this.#note({
        kind: "undispatched",
        id,
        dispatch,
        failures,
        inMs,
        error: { message: text, code },
      });
      return;
    }
    await this.#note({ kind: "dispatched", id, dispatch });
  }

  /** If the store is not reached, the job is sent a second time by the next who takes it, and its claim refuses one. */
  async #note(change: DispatchedChange | UndispatchedChange): Promise<void> {
    const { records, clock } = this.#context;
    for (let tries = 1; ; tries += 1) {
      try {
        await records.change(change);
        return;
      } catch {
        if (tries === NOTES) return;
      }
      await sleep(clock, LOOK_MS);
    }
  }
}

/** The system attributes of a message that is sent from a record. */
export function systemOf({ createdAt, generation }: Pick<JobRow, "createdAt" | "generation">): {
  readonly qp_job: string;
  readonly qp_redrive: number | undefined;
} {
  return { qp_job: recordedJobFlags(createdAt), qp_redrive: generation === 0 ? undefined : generation };
}

/** The message of a job as it was recorded. */
function messageOf({ row, message }: DueJob): NewMessage {
  const { id, type, maxAttempts, priority, tenant } = row;
  const { payload, headers, backoff, orderingKey, trace } = message;
  return { id, type, payload, headers, maxAttempts, backoff, orderingKey, trace, priority, tenant };
}

function recorded(error: unknown): { readonly message: string; readonly code: string | undefined } {
  const message = reasonOf(error).slice(0, 4_096);
  return { message, code: isQueueError(error) ? error.code : undefined };
}

/** Remembers a ring until somebody listens. */
class Bell {
  #rung = false;
  #listener: (() => void) | undefined;

  ring(): void {
    if (this.#listener === undefined) this.#rung = true;
    else this.#listener();
  }

  onRing(listener: (() => void) | undefined): void {
    this.#listener = listener;
    if (listener === undefined || !this.#rung) return;
    this.#rung = false;
    listener();
  }
}
