import type { BackoffOptions } from "../../backoff.ts";
import type { Clock } from "../../lib/clock.ts";
import { createQueue } from "../../client/create-queue.ts";
import type { DelayStore } from "../../delay/store.ts";
import type { Driver } from "../../driver/contract.ts";
import type { Limits } from "../../driver/limits.ts";
import type { ManagedQueue } from "../../queue/managed-receive.ts";
import type { Queue } from "../../queue/queue.ts";
import type { Handler, ReceiveOptions } from "../../queue/receive.ts";
import type { Worker } from "../../worker/worker.ts";
import type { Harness } from "../harness.ts";
import { FaultyDriver } from "./faulty-driver.ts";
import type { Interceptors } from "./interceptors.ts";

/** Settings of a client. */
export interface ClientOptions {
  /** Limits that replace the provider's longer ones, so that a case can reach what lies beyond them. */
  readonly limits?: Partial<Limits> | undefined;
  readonly backoff?: BackoffOptions | undefined;
  /** @default Math.random */
  readonly random?: (() => number) | undefined;
}

/** A receiver or a worker that runs until it is stopped. */
export interface TestReceiver {
  /** Settles as `receive` or the worker does. */
  readonly ended: Promise<void>;
  /** Asks the receiver to stop, and returns `ended`. */
  requestStop(): Promise<void>;
  /** Asks the receiver to stop, and lets time pass until it has drained. */
  stop(): Promise<void>;
}

/** The parts of a case context that a client needs. */
export interface ClientHost {
  readonly clock: Clock;
  readonly leaseMs: number;
  readonly harness: Pick<Harness, "openDelayStore">;
  waitFor<T>(subject: string, work: Promise<T>): Promise<T>;
  /** Called with every receiver that starts. */
  receiverStarted(receiver: TestReceiver): void;
  /** Called when a receiver fails that was not asked to stop. */
  receiverFailed(error: unknown): void;
}

/** A listener, since the cases cause failures, and a receiver without a listener prints the first one. */
const ignore = (): void => {};
const SHOWN = ["failed", "poll_failed", "settle_failed", "lease_lost", "warning"] as const;

const STOP = new Error("the case stops this receiver");

/** One process, as far as the backend can see: a connection of its own, and a portable queue on it. */
export class TestClient {
  readonly queue: Queue;
  /** For requests that the portable queue does not make. */
  readonly driver: Driver;
  readonly interceptors: Interceptors;
  readonly #faulty: FaultyDriver;
  readonly #host: ClientHost;

  constructor(driver: Driver, host: ClientHost, { limits, backoff, random }: ClientOptions = {}) {
    this.#faulty = new FaultyDriver(driver, limits);
    this.#host = host;
    this.driver = this.#faulty.driver;
    this.interceptors = this.#faulty.interceptors;
    const store = host.harness.openDelayStore?.();
    const delayStore = store === undefined ? undefined : killable(store, () => this.isKilled);
    this.queue = createQueue(this.driver, { clock: host.clock, backoff, random, delayStore });
  }

  get isKilled(): boolean {
    return this.#faulty.isCut;
  }

  /** The requests that the adapter has not answered yet. */
  get unanswered(): readonly string[] {
    return this.#faulty.unanswered;
  }

  /** Receives until it is stopped. The lease is that of the timing, unless the options set another. */
  receive(queue: string, handler: Handler, options: ReceiveOptions = {}): TestReceiver {
    const { leaseMs } = this.#host;
    return this.#track((signal) =>
      this.queue.receive(queue, handler, { leaseMs, graceMs: leaseMs, onEvent: ignore, ...options, signal }),
    );
  }

  /** Receives messages and holds them unstarted until it is stopped: no handler of any type may run. */
  hold(queue: string, handler: Handler): TestReceiver {
    const { leaseMs } = this.#host;
    const options = { leaseMs, graceMs: leaseMs, concurrencyOf: () => 0, onEvent: ignore };
    return this.#track((signal) =>
      (this.queue as ManagedQueue).receiveManaged(queue, handler, { ...options, signal }),
    );
  }

  /** Runs a worker of this client's queue until it is stopped. */
  work(queue: string, worker: Worker): TestReceiver {
    for (const event of SHOWN) worker.on(event, ignore);
    return this.#track((signal) => worker.run(queue, { signal }));
  }

  /** Ends the process in an orderly way. */
  close(): Promise<void> {
    return this.#host.waitFor("the end of a client", this.queue.close());
  }

  /** Kills the process. Handlers that run keep running here, and nothing that they do reaches the backend. */
  kill(): Promise<void> {
    return this.#faulty.cut();
  }

  #track(start: (signal: AbortSignal) => Promise<void>): TestReceiver {
    const abort = new AbortController();
    const ended = start(abort.signal);
    const receiver: TestReceiver = {
      ended,
      requestStop: () => {
        abort.abort(STOP);
        return ended;
      },
      stop: () => this.#host.waitFor("the drain of a receiver", receiver.requestStop()),
    };
    ended.catch((error: unknown) => {
      if (!abort.signal.aborted && !this.isKilled) this.#host.receiverFailed(error);
    });
    this.#host.receiverStarted(receiver);
    return receiver;
  }
}

/** A delay store that ignores every call of a killed process. */
function killable(store: DelayStore, isKilled: () => boolean): DelayStore {
  const whileAlive = <T>(call: () => Promise<T>): Promise<T> =>
    isKilled() ? Promise.reject(new Error("this process was killed")) : call();
  return {
    put: (message) => whileAlive(() => store.put(message)),
    claimDue: (queue, options) => whileAlive(() => store.claimDue(queue, options)),
    done: (keys) => whileAlive(() => store.done(keys)),
    cancel: (key) => whileAlive(() => store.cancel(key)),
    list: (queue, limit) => whileAlive(() => store.list(queue, limit)),
    count: (queue) => whileAlive(() => store.count(queue)),
    nextAt: (queue) => whileAlive(() => store.nextAt(queue)),
    drop: (queue) => whileAlive(() => store.drop(queue)),
    close: () => store.close(),
  };
}
