import type { Delivery } from "../driver/contract.ts";
import { QueueError } from "../errors.ts";
import { decode, type Decoded } from "../message/decode.ts";
import type { Reading } from "../message/format.ts";
import { CompleteMessage, defaultMaxAttempts } from "../message/complete-message.ts";
import type { Message } from "../message/message.ts";
import { inOrder } from "../message/requeue.ts";
import type { ReceiverContext } from "./context.ts";
import { KeyQueues } from "./key-queues.ts";
import { Run, type RunHost, UNREADABLE } from "./run.ts";
import type { Runner } from "./runner.ts";
import type { Settlement } from "./settlement.ts";
import { WaitingRuns } from "./waiting-runs.ts";

/** A message counts as due this much early: clocks differ, and the pump of the delay queue has checked before. */
const DUE_TOLERANCE_MS = 1_000;

/** Turns deliveries into runs, and decides what happens to each before its handler: run it, let it wait, or neither. */
export class Dispatcher {
  readonly #context: ReceiverContext;
  readonly #host: RunHost;
  readonly #runner: Runner;
  readonly #settlement: Settlement;
  readonly #keys: KeyQueues;
  readonly #waiting: WaitingRuns;
  readonly #reading: Reading | undefined;
  readonly #maxAttemptsOf: ((type: string) => number | undefined) | undefined;
  #isStarting = false;

  constructor(
    context: ReceiverContext,
    host: RunHost,
    runner: Runner,
    settlement: Settlement,
    maxAttemptsOf?: (type: string) => number | undefined,
  ) {
    this.#maxAttemptsOf = maxAttemptsOf;
    const { capacity, connection } = context;
    this.#context = context;
    this.#host = host;
    this.#runner = runner;
    this.#settlement = settlement;
    this.#reading = connection.format?.readingOf(context.queue);
    this.#waiting = new WaitingRuns(capacity);
    this.#keys = new KeyQueues({
      capacity,
      start: (run) => {
        if (this.#stillLeased(run)) this.#admit(run, connection.clock.now());
      },
      release: (run) => {
        settlement.releaseBehind(run);
        // Too many runs may have waited for anything to be fetched.
        capacity.changed();
      },
    });
  }

  /** Takes the deliveries of one poll. */
  dispatch(deliveries: readonly Delivery[]): void {
    const { connection, reporter } = this.#context;
    const now = connection.clock.now();
    // Read together, before a decoder can take its time: the rest of each lease is counted from `now`.
    const receivedAt = connection.clock.monotonic();
    reporter.epochMs = now - receivedAt;
    // All are decoded before the first is handled: one tight loop after another is faster than both interleaved.
    const decoded = deliveries.map((delivery) => decode(delivery, now, this.#reading));
    for (let index = 0; index < deliveries.length; index += 1)
      this.#arrived(deliveries[index] as Delivery, decoded[index] as Decoded, now, receivedAt);
  }

  /** Starts waiting runs while there are slots for them. */
  startWaiting(): void {
    const { capacity } = this.#context;
    // A lost lease is announced as a change of the capacity, which calls back here.
    if (capacity.refusing || this.#isStarting) return;
    this.#isStarting = true;
    try {
      for (let run = this.#waiting.next(); run !== undefined; run = this.#waiting.next()) {
        if (this.#stillLeased(run)) this.#runner.start(run);
        else capacity.untake(run.message.type);
      }
    } finally {
      this.#isStarting = false;
    }
  }

  /** Releases every waiting run. */
  releaseWaiting(): void {
    for (const run of [...this.#keys.clear(), ...this.#waiting.clear()]) this.#settlement.release(run);
  }

  /** Fences a run whose lease was lost. */
  leaseLost(run: Run): void {
    const { queue, capacity, reporter, tracker } = this.#context;
    run.fenced = true;
    this.#waiting.remove(run);
    this.#keys.remove(run.delivery.orderingKey ?? "", run);
    run.left(false);
    run.abort(leaseLost(queue, run.id));
    reporter.report({ event: "lease_lost", queue, id: run.id });
    tracker?.leaseLost(run);
    capacity.changed();
  }

  /** @param receivedAt the time `now` on the monotonic clock */
  #arrived(delivery: Delivery, decoded: Decoded, now: number, receivedAt: number): void {
    const { leases, reporter, settings, attempts } = this.#context;
    // As `leaseEnd` does, with one reading of the clocks for all messages of a poll.
    const leaseMs = Math.min(delivery.leaseUntil - now, settings.leaseMs);
    const message = decoded.message ?? unreadable(delivery, now);
    // Before anything decides by it: the crash-loop guard, an interceptor or a codec that fails.
    if (this.#maxAttemptsOf !== undefined && decoded.ok) defaultMaxAttempts(message, this.#maxAttemptsOf);
    const system = decoded.system ?? UNREADABLE;
    const run = new Run(
      this.#host,
      delivery,
      message,
      system,
      receivedAt,
      receivedAt + leaseMs,
      attempts.releasesOf(delivery.brokerId),
    );
    if (leaseMs <= 0) {
      // The delivery took so long to arrive that another receiver may have the message: a run might be a second one.
      reporter.report({ event: "lease_lost", queue: this.#host.queue, id: run.id });
      return;
    }
    leases.add(run);
    try {
      if (decoded.ok) this.#enter(run, now);
      else if (decoded.ignored) this.#settlement.ignore(run);
      else this.#settlement.refuse(run, "malformed", decoded.problem);
    } catch (error) {
      // A callback of the user's threw. This message is left to be redelivered; the others are not affected.
      this.#settlement.track(Promise.reject(error), run);
    }
  }

  /** Queues a message behind the one of its key that this process holds, if the queue keeps order. */
  #enter(run: Run, now: number): void {
    const { capacity, traits } = this.#context;
    if (!capacity.refusing && inOrder(run.delivery, traits))
      this.#keys.enter(run.delivery.orderingKey ?? "", run);
    else this.#admit(run, now);
  }

  #admit(run: Run, now: number): void {
    const { traits, capacity, connection, attempts, tracker } = this.#context;
    const settlement = this.#settlement;
    const { target, notBefore } = run.system;
    if (target !== undefined && target !== (traits.target ?? target)) {
      // Requeued or redriven for another receiver, which also receives what is sent to this queue. Not released first: a
      // copy that is released would be for this receiver.
      settlement.skip(run, target);
    } else if (capacity.refusing) {
      settlement.release(run);
    } else if (settlement.isDecided(run)) {
      // Its handler has run for the last time. Only the move to the dead letters is tried again.
      settlement.moveAgain(run);
    } else if (tracker === undefined && attempts.isCrashLoop(run)) {
      settlement.refuseCrashLoop(run);
    } else if (notBefore !== undefined && notBefore > now + DUE_TOLERANCE_MS) {
      settlement.defer(run, notBefore - now);
    } else if (capacity.take(run.message.type)) {
      this.#runner.start(run);
    } else if (!capacity.waitingIsFull || inOrder(run.delivery, traits)) {
      // A message that keeps its place cannot be put aside. While too many wait, nothing is fetched.
      this.#waiting.add(run);
    } else {
      settlement.defer(run, capacity.awayMs(run.message.type, connection.clock.monotonic()));
    }
  }

  /** False if the lease of a waiting run has ended unnoticed, since the event loop stood still. The run is then fenced. */
  #stillLeased(run: Run): boolean {
    if (run.leaseUntil > this.#context.connection.clock.monotonic()) return true;
    this.#settlement.abandon(run);
    this.leaseLost(run);
    return false;
  }
}

/** Represents a message whose body cannot be read, on its way to the dead-letter queue. */
function unreadable({ brokerId, attributes, enqueuedAt }: Delivery, now: number): Message {
  const type = attributes["type"] ?? "malformed";
  const createdAt = new Date(enqueuedAt ?? now);
  const none = undefined;
  return new CompleteMessage(brokerId, type, null, {}, 1, createdAt, none, none, none, none, attributes);
}

function leaseLost(queue: string, id: string): QueueError {
  const sentence = `The lease on message ${id} of queue "${queue}" is lost: another receiver may run it now. Stop; the result of this run is discarded.`;
  return new QueueError("lease_lost", sentence, { queue });
}
