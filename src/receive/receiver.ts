import type { BackoffOptions } from "../backoff.ts";
import { type Connection, queueError } from "../transport/connection.ts";
import type { Disposition } from "../queue/disposition.ts";
import type { Source } from "../driver/contract.ts";
import type { DriverError } from "../driver/error.ts";
import type { QueueTraits } from "../driver/limits.ts";
import type { Handler, ReceiveOptions } from "../queue/queue.ts";
import type { Sender } from "../send/sender.ts";
import { Admission } from "./admission.ts";
import { Arrivals } from "./arrivals.ts";
import { Conclusions } from "./conclusions.ts";
import { Drain } from "./drain.ts";
import { drainIncomplete, leaseLost } from "./errors.ts";
import { ReleaseCounts } from "./hand-backs.ts";
import { Poller } from "../transport/poller.ts";
import { KeyQueues } from "./key-queues.ts";
import { LeaseKeeper } from "../transport/lease-keeper.ts";
import type { ReceiveSettings } from "./options.ts";
import { Reporter } from "./reporter.ts";
import type { Run, RunHost } from "./run.ts";
import { Runner } from "./runner.ts";
import { Settler } from "../transport/settler.ts";
import { Slots } from "./capacity.ts";
import { typeLimits } from "./type-limits.ts";
import { Verdicts } from "./settlement.ts";

export interface ReceiverOptions {
  readonly connection: Connection;
  readonly sender: Sender;
  readonly queue: string;
  readonly traits: QueueTraits;
  readonly handler: Handler;
  readonly settings: ReceiveSettings;
  readonly options: Pick<ReceiveOptions, "concurrencyOf" | "gate" | "onEvent">;
}

/** Receives one queue: takes what there is room for, runs the handler, and sees to the verdict. */
export class Receiver implements RunHost {
  readonly queue: string;
  readonly #options: ReceiverOptions;
  readonly #reporter: Reporter;
  readonly #source: Source;
  readonly #slots: Slots;
  readonly #lanes: KeyQueues;
  readonly #leases: LeaseKeeper;
  readonly #verdicts: Verdicts;
  readonly #conclusions: Conclusions;
  readonly #intake: Poller;
  /** Verdicts that are not confirmed and messages that are asked for, together. As few as there are slots would leave slots waiting for confirmations. */
  readonly #maxConcluding: number;
  readonly #running: Runner;
  readonly #admission: Admission;
  readonly #arrivals: Arrivals;
  readonly #handBacks = new ReleaseCounts();
  readonly #draining = new AbortController();
  readonly #drain: Drain;
  #failure: DriverError | undefined;
  #stop: () => void = () => {};

  constructor(options: ReceiverOptions) {
    const { connection, sender, queue, traits, settings } = options;
    const { clock, limits } = connection;
    const { concurrency, leaseMs, extendEveryMs } = settings;
    this.queue = queue;
    this.#options = options;
    this.#reporter = new Reporter(connection, queue, options.options.onEvent);
    const report = this.#reporter.report.bind(this.#reporter);
    const { concurrencyOf } = options.options;
    const limitOf = concurrencyOf === undefined ? undefined : typeLimits(concurrencyOf, this.#reporter);
    this.#slots = new Slots(concurrency, limitOf, connection.random);
    this.#maxConcluding = 2 * Math.max(concurrency, limits.maxSettleBatch);
    this.#source = connection.open(queue, { prefetch: concurrency * 3 + this.#maxConcluding, leaseMs });
    this.#lanes = new KeyQueues({
      takeUp: (run) => this.#takeUp(run, () => this.#admission.admit(run, clock.now())),
      handBack: (run) => {
        this.#handBack(run);
        // There may have been too many of them for anything to be fetched.
        this.#intake.pull();
      },
    });
    this.#leases = new LeaseKeeper(this.#source, { clock, limits, leaseMs, extendEveryMs });
    this.#verdicts = new Verdicts({
      connection,
      sender,
      settler: new Settler(connection, this.#source, queue, report, () => this.#lingerMs),
      leases: this.#leases,
      queue,
      traits,
      report,
      draining: this.#draining.signal,
      onHold: () => this.#intake.pull(),
    });
    this.#conclusions = new Conclusions({
      connection,
      traits,
      settings,
      verdicts: this.#verdicts,
      reporter: this.#reporter,
      ended: () => this.#concluded(),
    });
    this.#running = new Runner({
      clock,
      handler: options.handler,
      reporter: this.#reporter,
      conclusions: this.#conclusions,
      ended: (run) => this.#ended(run),
    });
    this.#admission = new Admission({
      traits,
      slots: this.#slots,
      running: this.#running,
      conclusions: this.#conclusions,
      verdicts: this.#verdicts,
      isRefusing: () => this.#refusing,
      handBack: (run) => this.#handBack(run),
    });
    this.#arrivals = new Arrivals({
      host: this,
      clock,
      traits,
      handBacks: this.#handBacks,
      leases: this.#leases,
      lanes: this.#lanes,
      admission: this.#admission,
      conclusions: this.#conclusions,
      reporter: this.#reporter,
      isRefusing: () => this.#refusing,
    });
    this.#intake = new Poller(connection, this.#source, {
      queue,
      free: () => this.#free(),
      deliver: (deliveries) => this.#arrivals.deliver(deliveries),
      report,
      failed: (error) => {
        this.#failure = error;
        this.#stop();
      },
    });
    this.#drain = new Drain({
      queue,
      clock,
      drainMs: settings.drainMs,
      graceMs: settings.graceMs,
      patienceMs: Math.max(leaseMs, limits.longPollMs),
      running: this.#running,
      conclusions: this.#conclusions,
      leases: this.#leases,
      source: this.#source,
      reporter: this.#reporter,
      handBack: (run) => this.#handBack(run),
    });
  }

  /**
   * Receives until `stop` aborts, then drains.
   * @throws QueueError `drain_incomplete`; or that of the first poll, where trying again would not mend it.
   */
  async run(stop: AbortSignal): Promise<void> {
    const unsubscribe = this.#options.options.gate?.onOpen(() => this.#slotFreed());
    const stopped = new Promise<void>((resolve) => {
      this.#stop = resolve;
    });
    stop.addEventListener("abort", this.#stop, { once: true });
    if (stop.aborted) this.#stop();
    else this.#intake.pull();
    await stopped;
    stop.removeEventListener("abort", this.#stop);
    unsubscribe?.();
    const left = await this.#endAll();
    const { provider } = this.#options.connection.driver;
    if (this.#failure !== undefined) throw queueError(this.#failure, this.queue, "receive", provider);
    if (left.length > 0) throw drainIncomplete(this.queue, left);
  }

  async extend(run: Run): Promise<void> {
    const { provider } = this.#options.connection.driver;
    try {
      await this.#leases.extend(run);
    } catch (error) {
      throw queueError(error, this.queue, `extend the lease of message ${run.id} of`, provider);
    }
  }

  failure(run: Run, error: unknown, backoff: BackoffOptions | undefined): Disposition {
    return this.#conclusions.failed(run, error, backoff);
  }

  giveUp(run: Run, disposition: Disposition): void {
    this.#running.giveUp(run, disposition);
  }

  leaseLost(run: Run): void {
    run.fenced = true;
    this.#slots.remove(run);
    this.#lanes.remove(run.delivery.orderingKey ?? "", run);
    run.left(false);
    run.abort(leaseLost(this.queue, run.id));
    this.#reporter.report({ event: "lease_lost", queue: this.queue, id: run.id });
    this.#intake.pull();
  }

  /**
   * How long a verdict waits for others: not where there are none in hand, nor where order is kept and the next of its
   * key waits for it.
   */
  get #lingerMs(): number {
    const { connection, traits } = this.#options;
    if (traits.ordering === "by_key" || this.#leases.size === 0) return 0;
    return connection.limits.settleLingerMs ?? 0;
  }

  /** Whether what arrives is given back at once. */
  get #refusing(): boolean {
    return this.#draining.signal.aborted || this.#options.options.gate?.closed === true;
  }

  #free(): number {
    const { options, settings, traits } = this.#options;
    if (options.gate?.closed === true) return 0;
    if (
      traits.ordering === "by_key" &&
      (this.#slots.waitingIsFull || this.#lanes.waiting >= settings.concurrency)
    )
      return 0;
    // A key that is held through its backoff must not keep others from being served; as many may be as there are slots.
    const held = Math.min(this.#verdicts.held, settings.concurrency);
    return Math.min(this.#slots.free, this.#maxConcluding + held - this.#conclusions.pending);
  }

  #ended(run: Run): void {
    this.#slots.release(run.message.type, run.endedAt - run.startedAt);
    this.#slotFreed();
  }

  #slotFreed(): void {
    if (!this.#refusing) {
      for (let run = this.#slots.next(); run !== undefined; run = this.#slots.next()) this.#start(run);
      this.#intake.pull();
    }
    this.#drain.progressed();
  }

  /** Its slot is taken. */
  #start(run: Run): void {
    let started = false;
    this.#takeUp(run, () => {
      started = true;
      this.#running.start(run);
    });
    if (!started) this.#slots.release(run.message.type);
  }

  /** One that has waited goes on, unless its lease ended unnoticed: the event loop may have stood still. */
  #takeUp(run: Run, goOn: () => void): void {
    if (run.leaseUntil > this.#options.connection.clock.now()) {
      goOn();
      return;
    }
    this.#verdicts.abandon(run);
    this.leaseLost(run);
  }

  #handBack(run: Run): void {
    if (run.startedAt === 0) {
      this.#handBacks.add(run.delivery.brokerId);
      if (this.#draining.signal.aborted)
        this.#reporter.report({ event: "released", job: run.info, why: "drain", delayMs: 0 });
    }
    this.#conclusions.track(this.#verdicts.handBack(run), run);
  }

  #concluded(): void {
    if (this.#conclusions.pending >= this.#maxConcluding - 1) this.#intake.pull();
    this.#drain.progressed();
  }

  /** Returns the runs that would not end. */
  #endAll(): Promise<Run[]> {
    this.#draining.abort(DRAINING);
    for (const run of [...this.#lanes.clear(), ...this.#slots.clear()]) this.#handBack(run);
    this.#conclusions.track(this.#intake.stop().then((late) => this.#arrivals.deliver(late)));
    return this.#drain.carryOut();
  }
}

const DRAINING = new Error("draining");
