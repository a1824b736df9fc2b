import { randomUUID } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import {
  type EmulatedProvider,
  type Fault,
  type FaultPoint,
  memory,
} from "../../../adapters/memory/index.ts";
import type { Harness } from "../../../src/conformance/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import {
  type Admin,
  type Delivery,
  type Driver,
  DriverError,
  type Operation,
  type Outgoing,
  type SendResult,
  type SettleResult,
  type Source,
} from "../../../src/driver/index.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";

/** The kind of the next request of a queue, one part of which fails. */
type RequestKind = "send" | "settle";

/**
 * Creates the harness of the memory adapter. One driver acts as the server: queues outlive the connections to it, and
 * connections can be cut. Its clock is virtual, so that no case waits.
 * @param isRemote whether requests take a moment, so that polls and aborts go the way that they have with a real server
 */
export function memoryHarness(emulate?: EmulatedProvider, isRemote: boolean = false): Harness {
  const clock = new FakeClock();
  let isMuted = false;
  const before = async ({ operation }: FaultPoint): Promise<Fault | undefined> => {
    await turn();
    return isMuted && operation !== "receive" ? { kind: "lose_response" } : undefined;
  };
  const backend = memory({ clock, emulate, faults: isRemote ? { before } : undefined });
  const network = new Network(backend);
  const ending = emulate === "sqs" ? ".fifo" : "";
  const admin = createQueue(backend, { clock });
  let made = 0;
  return {
    name: ["memory", ...(emulate === undefined ? [] : [emulate]), ...(isRemote ? ["remote"] : [])].join("-"),
    clock,
    open: async () => network.connect(),
    async makeQueue(needs) {
      made += 1;
      const queue = `queue-${made}${needs.ordering === "by_key" ? ending : ""}`;
      await admin.ensure(queue, needs);
      return queue;
    },
    dropQueue: (queue) => admin.drop(queue),
    missingQueue: () => `missing-${randomUUID()}`,
    faults: {
      async cutConnections() {
        isMuted = false;
        network.cut();
      },
      // Only requests that take a moment can lose their answers.
      ...(isRemote
        ? {
            muteAnswers: async () => {
              isMuted = true;
            },
          }
        : {}),
      failSendEntry: async (queue) => network.failFirst("send", queue),
      failSettleEntry: async (queue) => network.failFirst("settle", queue),
    },
  };
}

/** The connections to one memory driver, with faults on them. */
class Network {
  readonly #backend: Driver & { readonly admin: Admin };
  readonly #failing = new Map<string, { count: number }>();
  #cut = new AbortController();

  constructor(backend: Driver & { readonly admin: Admin }) {
    this.#backend = backend;
  }

  /** Makes every request fail that is under way, and the next request of each connection. */
  cut(): void {
    this.#cut.abort(new DriverError("transient", "the connection was cut"));
    this.#cut = new AbortController();
  }

  /** Makes the first part of the next request fail. Returns a counter of such failures. */
  failFirst(kind: RequestKind, queue: string): () => number {
    const failed = { count: 0 };
    this.#failing.set(`${kind} ${queue}`, failed);
    return () => failed.count;
  }

  connect(): Driver {
    const backend = this.#backend;
    const sources = new Set<Source>();
    let cut = this.#cut.signal;
    let isClosed = false;
    const assertUp = (): void => {
      if (isClosed) throw new DriverError("permanent", "this connection was closed");
      if (!cut.aborted) return;
      const { reason } = cut;
      cut = this.#cut.signal;
      throw reason;
    };
    return {
      provider: backend.provider,
      limits: backend.limits,
      admin: backend.admin,
      ...(backend.cancel === undefined ? {} : { cancel: (handle) => backend.cancel!(handle) }),
      classify: (error) => backend.classify(error),
      async describe(queue) {
        assertUp();
        return backend.describe(queue);
      },
      async stats(queue) {
        assertUp();
        return backend.stats(queue);
      },
      send: async (queue, messages, signal) => {
        assertUp();
        return this.#failOne<Outgoing, SendResult>("send", queue, messages, (some) =>
          backend.send(queue, some, signal),
        );
      },
      open: (queue, options) => {
        const source = backend.open(queue, options);
        sources.add(source);
        return {
          next: async (max, signal): Promise<Delivery[]> => {
            assertUp();
            const during = cut;
            const deliveries = await source.next(max, AbortSignal.any([signal, during]));
            if (deliveries.length === 0 && during.aborted) assertUp();
            return deliveries;
          },
          settle: async (operations): Promise<SettleResult[]> => {
            assertUp();
            return this.#failOne<Operation, SettleResult>("settle", queue, operations, (some) =>
              source.settle(some),
            );
          },
          stop: () => source.stop(),
          close: () => source.close(),
        };
      },
      async close() {
        isClosed = true;
        await Promise.all([...sources].map((source) => source.close()));
      },
    };
  }

  async #failOne<Item, Result>(
    kind: RequestKind,
    queue: string,
    items: readonly Item[],
    pass: (items: readonly Item[]) => Promise<Result[]>,
  ): Promise<(Result | { readonly ok: false; readonly error: DriverError })[]> {
    const failed = this.#failing.get(`${kind} ${queue}`);
    if (failed === undefined) return pass(items);
    this.#failing.delete(`${kind} ${queue}`);
    failed.count += 1;
    const error = new DriverError("permanent", `one ${kind} is refused`);
    return [{ ok: false, error }, ...(items.length > 1 ? await pass(items.slice(1)) : [])];
  }
}
