import type {
  Delivery,
  Driver,
  Operation,
  Outgoing,
  QueueSpec,
  SendResult,
  SettleResult,
  Source,
} from "../../driver/contract.ts";
import { DriverError } from "../../driver/error.ts";
import type { Limits, QueueTraits } from "../../driver/limits.ts";
import type { Interceptors } from "./interceptors.ts";

/** `permanent`, so that the core of a killed client gives up at once. */
const KILLED: DriverError = new DriverError("permanent", "this process was killed");

/**
 * The adapter's driver with faults between it and the core: limits can be shortened, requests intercepted, and the
 * connection can be cut for good. To the backend, a cut connection looks like a killed process.
 */
export class FaultyDriver {
  readonly interceptors: Interceptors = {};
  readonly driver: Driver;
  readonly #inner: Driver;
  readonly #cut = new AbortController();
  readonly #unanswered = new Set<{ readonly request: string }>();

  constructor(inner: Driver, shorter: Partial<Limits> = {}) {
    this.#inner = inner;
    this.driver = this.#wrap({ ...inner.limits, ...shorter });
  }

  get isCut(): boolean {
    return this.#cut.signal.aborted;
  }

  /** The requests that the adapter has not answered yet: `next on "emails"`. */
  get unanswered(): readonly string[] {
    return [...this.#unanswered].map(({ request }) => request);
  }

  /** Cuts the connection: no settlement and no extension reaches the backend any more, and leased messages stay leased. */
  async cut(): Promise<void> {
    this.#cut.abort(KILLED);
    await this.#inner.close();
  }

  #wrap(limits: Limits): Driver {
    const inner = this.#inner;
    const wrapped: Driver = {
      provider: inner.provider,
      limits,
      describe: (queue): Promise<QueueTraits> =>
        this.#request(`describe on "${queue}"`, async () => {
          const traits = await inner.describe(queue);
          return {
            ...traits,
            nativeDelayMs: Math.min(traits.nativeDelayMs, limits.nativeDelayMs),
            maxReleaseDelayMs:
              traits.maxReleaseDelayMs && Math.min(traits.maxReleaseDelayMs, limits.maxReleaseDelayMs),
          };
        }),
      classify: (error) => inner.classify(error),
      send: (queue, messages, signal, options) => {
        const pass = (some: readonly Outgoing[]): Promise<SendResult[]> =>
          some.length === 0
            ? Promise.resolve([])
            : this.#request(`send on "${queue}"`, () => inner.send(queue, some, signal, options));
        return this.#whileUp(() => this.interceptors.send?.(queue, messages, pass) ?? pass(messages));
      },
      open: (queue, options) => this.#source(queue, inner.open(queue, options)),
      stats: (queue) => this.#request(`stats on "${queue}"`, () => inner.stats(queue)),
      close: () => (this.isCut ? Promise.resolve() : inner.close()),
    };
    return { ...wrapped, ...this.#optional() };
  }

  /** The parts that not every driver has. */
  #optional(): Pick<Driver, "admin" | "cancel"> {
    const { admin } = this.#inner;
    const cancel = this.#inner.cancel?.bind(this.#inner);
    return {
      ...(cancel === undefined
        ? {}
        : { cancel: (handle: string) => this.#request("cancel", () => cancel(handle)) }),
      ...(admin === undefined
        ? {}
        : {
            admin: {
              ensure: (queue: string, spec: QueueSpec) =>
                this.#request(`ensure on "${queue}"`, () => admin.ensure(queue, spec)),
              drop: (queue: string) => this.#request(`drop on "${queue}"`, () => admin.drop(queue)),
            },
          }),
    };
  }

  #source(queue: string, inner: Source): Source {
    return {
      next: (max, signal) => {
        const pass = (): Promise<Delivery[]> =>
          this.#request(`next on "${queue}"`, () =>
            inner.next(max, AbortSignal.any([signal, this.#cut.signal])),
          );
        return this.#whileUp(() => this.interceptors.receive?.(queue, pass) ?? pass());
      },
      settle: (operations) => {
        const pass = (some: readonly Operation[]): Promise<SettleResult[]> =>
          some.length === 0
            ? Promise.resolve([])
            : this.#request(`settle on "${queue}"`, () => inner.settle(some));
        return this.#whileUp(() => this.interceptors.settle?.(queue, operations, pass) ?? pass(operations));
      },
      stop: () => (this.isCut ? Promise.resolve([]) : inner.stop()),
      close: () => (this.isCut ? Promise.resolve() : inner.close()),
    };
  }

  async #request<T>(request: string, make: () => Promise<T>): Promise<T> {
    const entry = { request };
    this.#unanswered.add(entry);
    try {
      return await this.#whileUp(make);
    } finally {
      this.#unanswered.delete(entry);
    }
  }

  /** After the cut, no request reaches the backend and no answer reaches the core. */
  async #whileUp<T>(request: () => Promise<T>): Promise<T> {
    this.#assertUp();
    const answer = await request();
    this.#assertUp();
    return answer;
  }

  #assertUp(): void {
    if (this.isCut) throw KILLED;
  }
}
