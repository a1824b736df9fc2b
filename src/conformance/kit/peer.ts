import type { BackoffOptions } from "../../backoff.ts";
import type { Clock } from "../../lib/clock.ts";
import { createQueue } from "../../client/create-queue.ts";
import type { DelayStore } from "../../delay/store.ts";
import type { Driver } from "../../driver/contract.ts";
import type { Limits } from "../../driver/limits.ts";
import type { ManagedHandler, ManagedQueue, ManagedReceiveOptions } from "../../queue/managed-receive.ts";
import type { Queue } from "../../queue/queue.ts";
import type { Worker } from "../../worker/worker.ts";
import type { Harness } from "../harness.ts";
import { Line, type Taps } from "./line.ts";

/** How a process is set up. */
export interface PeerOptions {
  /** Limits to be made shorter than the provider's, so that what lies beyond them comes within reach. */
  readonly limits?: Partial<Limits> | undefined;
  readonly backoff?: BackoffOptions | undefined;
  /** @default Math.random */
  readonly random?: (() => number) | undefined;
}

/** Something that receives until it is told to stop. */
export interface Receiving {
  /** Settles as `receive` or `start` did. */
  readonly ended: Promise<void>;
  /** Tells it to stop; resolves when it has drained. */
  stop(): Promise<void>;
}

/** What a peer needs of its stage. */
export interface PeerHost {
  readonly clock: Clock;
  readonly leaseMs: number;
  readonly harness: Pick<Harness, "openDelayStore">;
  /** Told of every receiver, and of the failure of one that nobody asked to stop. */
  receiving(receiving: Receiving): void;
  failed(error: unknown): void;
}

/** One process, as far as its backend can tell: a connection of its own, and the portable queue on it. */
export class Peer {
  readonly queue: Queue;
  /** For what only the door for adapters can show. */
  readonly driver: Driver;
  readonly taps: Taps;
  readonly #line: Line;
  readonly #host: PeerHost;

  constructor(driver: Driver, host: PeerHost, { limits, backoff, random }: PeerOptions = {}) {
    this.#line = new Line(driver, limits);
    this.#host = host;
    this.driver = this.#line.driver;
    this.taps = this.#line.taps;
    const store = host.harness.openDelayStore?.();
    const delayStore = store === undefined ? undefined : mortal(store, () => this.isDead);
    this.queue = createQueue(this.driver, { clock: host.clock, backoff, random, delayStore });
  }

  get isDead(): boolean {
    return this.#line.isCut;
  }

  /** Receives until it is stopped. Leases are as long as the timing says, unless the options say otherwise. */
  receive(queue: string, handler: ManagedHandler, options: Partial<ManagedReceiveOptions> = {}): Receiving {
    const { leaseMs } = this.#host;
    return this.#track((signal) =>
      (this.queue as ManagedQueue).receiveManaged(queue, handler, {
        leaseMs,
        graceMs: leaseMs,
        ...options,
        signal,
      }),
    );
  }

  /** Starts a worker of this peer's queue. */
  work(queue: string, worker: Worker): Receiving {
    return this.#track((signal) => worker.run(queue, { signal }));
  }

  /** Dies on the spot, whatever it is doing: handlers that run are never heard of again. */
  kill(): Promise<void> {
    return this.#line.cut();
  }

  #track(start: (signal: AbortSignal) => Promise<void>): Receiving {
    const stop = new AbortController();
    const ended = start(stop.signal);
    const receiving: Receiving = {
      ended,
      stop: () => {
        stop.abort(STOP);
        return ended;
      },
    };
    ended.catch((error: unknown) => {
      if (!stop.signal.aborted && !this.isDead) this.#host.failed(error);
    });
    this.#host.receiving(receiving);
    return receiving;
  }
}

/** The store as a process has it: once that is dead, none of its calls has an effect. */
function mortal(store: DelayStore, isDead: () => boolean): DelayStore {
  const alive = <T>(call: () => Promise<T>): Promise<T> =>
    isDead() ? Promise.reject(new Error("this process is dead")) : call();
  return {
    put: (message) => alive(() => store.put(message)),
    claimDue: (queue, options) => alive(() => store.claimDue(queue, options)),
    done: (keys) => alive(() => store.done(keys)),
    cancel: (key) => alive(() => store.cancel(key)),
    list: (queue, limit) => alive(() => store.list(queue, limit)),
    count: (queue) => alive(() => store.count(queue)),
    nextAt: (queue) => alive(() => store.nextAt(queue)),
    drop: (queue) => alive(() => store.drop(queue)),
    close: () => store.close(),
  };
}

const STOP = new Error("the case stops this receiver");
