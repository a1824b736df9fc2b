import type { Backoff } from "../backoff.ts";
import type { DriverError } from "../driver/error.ts";
import type { QueueTraits } from "../driver/limits.ts";
import type { Disposition } from "../queue/disposition.ts";
import type { ManagedHandler, ManagedReceiveOptions } from "../queue/managed-receive.ts";
import type { Sender } from "../send/sender.ts";
import { type Connection, queueError } from "../transport/connection.ts";
import { LeaseKeeper } from "../transport/lease-keeper.ts";
import type { Leased } from "../transport/leased.ts";
import { Poller } from "../transport/poller.ts";
import { Settler } from "../transport/settler.ts";
import { Attempts } from "./attempts.ts";
import { Capacity, guardedLimits, MOST_BEHIND, MOST_HELD } from "./capacity.ts";
import type { ReceiverContext } from "./context.ts";
import { Dispatcher } from "./dispatcher.ts";
import { Drain, drainIncomplete } from "./drain.ts";
import type { ReceiveSettings } from "./options.ts";
import { Reporter } from "./reporter.ts";
import type { Run, RunHost } from "./run.ts";
import { GuardedTracker } from "./guarded-tracker.ts";
import { Runner } from "./runner.ts";
import { Settlement } from "./settlement.ts";

export interface ReceiverOptions {
  readonly connection: Connection;
  readonly sender: Sender;
  readonly queue: string;
  readonly traits: QueueTraits;
  readonly handler: ManagedHandler;
  readonly settings: ReceiveSettings;
  readonly options: Pick<
    ManagedReceiveOptions,
    "concurrencyOf" | "maxAttemptsOf" | "pause" | "onEvent" | "onPolling" | "tracker"
  >;
}

/**
 * Receives one queue: poller → dispatcher → runner → settlement. The stages are built in the reverse of that order, and
 * each calls only the next. Everything that waits for room listens to the capacity.
 */
export class Receiver implements RunHost {
  readonly queue: string;
  readonly backoff: Backoff;
  readonly random: () => number;
  readonly #context: ReceiverContext;
  readonly #settlement: Settlement;
  readonly #runner: Runner;
  readonly #dispatcher: Dispatcher;
  readonly #poller: Poller;
  readonly #drain: Drain;
  readonly #onPolling: (() => void) | undefined;
  #failure: DriverError | undefined;
  #stop: () => void = () => {};

  constructor(options: ReceiverOptions) {
    this.queue = options.queue;
    this.backoff = options.settings.backoff;
    this.random = options.connection.random;
    this.#onPolling = options.options.onPolling;
    const context = openContext(options);
    const { connection, source, capacity, reporter } = context;
    this.#context = context;
    this.#settlement = new Settlement(context);
    this.#runner = new Runner(context, options.handler, this.#settlement);
    this.#dispatcher = new Dispatcher(
      context,
      this,
      this.#runner,
      this.#settlement,
      options.options.maxAttemptsOf,
    );
    this.#poller = new Poller(connection, source, {
      queue: this.queue,
      capacity,
      deliver: (deliveries) => this.#dispatcher.dispatch(deliveries),
      report: (event) => reporter.report(event),
      failed: (error) => {
        this.#failure = error;
        this.#stop();
      },
    });
    this.#drain = new Drain(context, this.#runner, this.#settlement);
    capacity.onChange(() => {
      this.#dispatcher.startWaiting();
      this.#poller.wake();
      this.#drain.progressed();
    });
  }

  /**
   * Receives until `stop` aborts, then drains.
   * @throws QueueError `drain_incomplete`; the error of the first poll, if another try would not help.
   */
  async run(stop: AbortSignal): Promise<void> {
    const stopped = new Promise<void>((resolve) => {
      this.#stop = resolve;
    });
    stop.addEventListener("abort", this.#stop, { once: true });
    if (stop.aborted) {
      this.#stop();
    } else {
      this.#poller.wake();
      this.#onPolling?.();
    }
    await stopped;
    stop.removeEventListener("abort", this.#stop);
    const left = await this.#end();
    const { provider } = this.#context.connection.driver;
    if (this.#failure !== undefined) throw queueError(this.#failure, this.queue, "receive", provider);
    if (left.length > 0) throw drainIncomplete(this.queue, left);
  }

  async extend(run: Run): Promise<void> {
    const { connection, leases } = this.#context;
    try {
      await leases.extend(run);
    } catch (error) {
      const attempted = `extend the lease of message ${run.id} of`;
      throw queueError(error, this.queue, attempted, connection.driver.provider);
    }
  }

  giveUp(run: Run, disposition: Disposition): void {
    this.#runner.giveUp(run, disposition);
  }

  leaseLost(run: Run): void {
    this.#dispatcher.leaseLost(run);
  }

  spentBefore(run: Run): number {
    return this.#context.attempts.spentBefore(run);
  }

  /** Returns the runs that did not end. */
  #end(): Promise<Run[]> {
    this.#context.capacity.drain();
    this.#dispatcher.releaseWaiting();
    this.#settlement.track(this.#poller.stop().then((late) => this.#dispatcher.dispatch(late)));
    return this.#drain.carryOut();
  }
}

/** Opens the source, and builds the parts that all stages share. */
function openContext({
  connection,
  sender,
  queue,
  traits,
  settings,
  options,
}: ReceiverOptions): ReceiverContext {
  const { clock, limits, random } = connection;
  const { concurrency, leaseMs, extendEveryMs } = settings;
  const reporter = new Reporter(connection, queue, options.onEvent);
  const { concurrencyOf, pause } = options;
  const maxSettling = 2 * Math.max(concurrency, limits.maxSettleBatch);
  const keepsOrder = traits.ordering === "by_key";
  const warn = (code: string, message: string): void => reporter.warn(code, message);
  const limitOf = concurrencyOf === undefined ? undefined : guardedLimits(concurrencyOf, warn);
  // Opened first: if it throws, the capacity must not have subscribed to the pause.
  const prefetch = concurrency * 3 + maxSettling + (keepsOrder ? MOST_HELD + MOST_BEHIND : 0);
  const source = connection.open(queue, { prefetch, leaseMs });
  const pauses = [pause, options.tracker?.pause].filter((one) => one !== undefined);
  const capacity = new Capacity({ concurrency, maxSettling, keepsOrder, limitOf, pauses, random });
  const tracker = options.tracker === undefined ? undefined : new GuardedTracker(options.tracker, warn);
  const onExtended =
    tracker === undefined ? undefined : (leased: Leased): void => tracker.extended(leased as Run);
  const leases = new LeaseKeeper(source, { clock, limits, leaseMs, extendEveryMs, onExtended });
  // An acknowledgement waits for others only if more messages are leased, and on no ordered queue: there, the next
  // message of the key waits for it.
  const lingerMs = (): number => (keepsOrder || leases.size === 0 ? 0 : (limits.settleLingerMs ?? 0));
  const settler = new Settler(connection, source, queue, (event) => reporter.report(event), lingerMs);
  const attempts = new Attempts(traits, clock.now());
  return {
    queue,
    traits,
    settings,
    connection,
    sender,
    source,
    leases,
    settler,
    capacity,
    attempts,
    reporter,
    tracker,
  };
}
