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

/** What a case does to the requests of one process. `pass` makes the request. */
export interface Taps {
  send?:
    | ((
        queue: string,
        messages: readonly Outgoing[],
        pass: (messages: readonly Outgoing[]) => Promise<SendResult[]>,
      ) => Promise<SendResult[]>)
    | undefined;
  receive?: ((queue: string, pass: () => Promise<Delivery[]>) => Promise<Delivery[]>) | undefined;
  settle?:
    | ((
        queue: string,
        operations: readonly Operation[],
        pass: (operations: readonly Operation[]) => Promise<SettleResult[]>,
      ) => Promise<SettleResult[]>)
    | undefined;
}

/**
 * The line between one process and its backend. Limits can be made shorter on it, requests looked at and tampered
 * with; and it can be cut for good, which is what the death of a process looks like from the backend.
 */
export class Line {
  readonly taps: Taps = {};
  readonly driver: Driver;
  readonly #inner: Driver;
  readonly #cut = new AbortController();

  constructor(inner: Driver, shorter: Partial<Limits> = {}) {
    this.#inner = inner;
    this.driver = this.#wrap({ ...inner.limits, ...shorter });
  }

  get isCut(): boolean {
    return this.#cut.signal.aborted;
  }

  /** From here on nothing reaches the backend: no verdict, no extension, no hand-back. What was leased stays leased. */
  async cut(): Promise<void> {
    this.#cut.abort(DEAD);
    await this.#inner.close();
  }

  #wrap(limits: Limits): Driver {
    const inner = this.#inner;
    const { admin } = inner;
    const wrapped: Driver = {
      provider: inner.provider,
      limits,
      describe: async (queue): Promise<QueueTraits> => {
        this.#assertAlive();
        const traits = await inner.describe(queue);
        return { ...traits, nativeDelayMs: Math.min(traits.nativeDelayMs, limits.nativeDelayMs) };
      },
      classify: (error) => inner.classify(error),
      send: (queue, messages, signal) => {
        const pass = (some: readonly Outgoing[]): Promise<SendResult[]> =>
          some.length === 0 ? Promise.resolve([]) : this.#alive(() => inner.send(queue, some, signal));
        return this.#alive(() => this.taps.send?.(queue, messages, pass) ?? pass(messages));
      },
      open: (queue, options) => this.#source(queue, inner.open(queue, options)),
      stats: (queue) => this.#alive(() => inner.stats(queue)),
      close: () => (this.isCut ? Promise.resolve() : inner.close()),
    };
    const cancel = inner.cancel?.bind(inner);
    return {
      ...wrapped,
      ...(cancel === undefined ? {} : { cancel: (handle: string) => this.#alive(() => cancel(handle)) }),
      ...(admin === undefined
        ? {}
        : {
            admin: {
              ensure: (queue: string, spec: QueueSpec) => this.#alive(() => admin.ensure(queue, spec)),
              drop: (queue: string) => this.#alive(() => admin.drop(queue)),
            },
          }),
    };
  }

  #source(queue: string, inner: Source): Source {
    return {
      next: (max, signal) => {
        const pass = (): Promise<Delivery[]> =>
          this.#alive(() => inner.next(max, AbortSignal.any([signal, this.#cut.signal])));
        return this.#alive(() => this.taps.receive?.(queue, pass) ?? pass());
      },
      settle: (operations) => {
        const pass = (some: readonly Operation[]): Promise<SettleResult[]> =>
          some.length === 0 ? Promise.resolve([]) : this.#alive(() => inner.settle(some));
        return this.#alive(() => this.taps.settle?.(queue, operations, pass) ?? pass(operations));
      },
      stop: () => (this.isCut ? Promise.resolve([]) : inner.stop()),
      close: () => (this.isCut ? Promise.resolve() : inner.close()),
    };
  }

  /** What is asked, and what is answered, after the cut does not get through. */
  async #alive<T>(request: () => Promise<T>): Promise<T> {
    this.#assertAlive();
    const answer = await request();
    this.#assertAlive();
    return answer;
  }

  #assertAlive(): void {
    if (this.isCut) throw DEAD;
  }
}

/** `permanent`, so that what is left of a dead process gives up at once. */
const DEAD: DriverError = new DriverError("permanent", "this process is dead");

/** Lets a request pass but for some of its items, which fail. */
export async function failSome<Item, Result>(
  items: readonly Item[],
  fails: (item: Item) => boolean,
  error: DriverError,
  pass: (items: readonly Item[]) => Promise<Result[]>,
): Promise<(Result | { readonly ok: false; readonly error: DriverError })[]> {
  const failing = items.map(fails);
  const results = await pass(items.filter((_, index) => failing[index] === false));
  return failing.map((failed) => (failed ? { ok: false, error } : (results.shift() as Result)));
}
