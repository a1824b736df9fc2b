import {
  type Delivery,
  type Driver,
  type Operation,
  type Outgoing,
  siblingQueue,
  type Source,
} from "../../src/driver/index.ts";
import { requeueId, type RequeuePurpose } from "../../src/message/requeue.ts";
import { seeded } from "../support/seeded.ts";
import type { WorkerConfig } from "./config.ts";
import { type CrashPoint, SHARES } from "./points.ts";
import type { RunLog } from "./run-log.ts";

/** What a worker copies messages for. */
const PURPOSES: readonly RequeuePurpose[] = ["retry", "defer", "dead_letter"];

/** Kills this process when it passes its point, by the seed; and knows until then what the death would duplicate. */
export class Doom {
  readonly #dies: WorkerConfig["dies"];
  readonly #log: RunLog;
  readonly #random: () => number;
  /** Messages that were copied and are not acknowledged yet, by the id of the copy. */
  readonly #replacing = new Map<string, string>();

  constructor(dies: WorkerConfig["dies"], log: RunLog) {
    this.#dies = dies;
    this.#log = log;
    this.#random = seeded(dies?.seed ?? 0);
  }

  pass(point: CrashPoint): void {
    if (this.#dies?.at !== point || this.#random() >= SHARES[point]) return;
    this.#log.write({ kind: "killed", point, replacing: [...this.#replacing.values()] });
    process.kill(process.pid, "SIGKILL");
    // The signal is on its way: not another step.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  }

  /** These copies are about to be sent; their originals are still there. */
  replacing(copies: readonly Pick<Outgoing, "dedupId" | "body">[]): void {
    for (const copy of copies) this.#replacing.set(copy.dedupId ?? "", idOf(copy));
  }

  /** These are about to be sent from the delay store, and are in it still. */
  dispatching(due: readonly Pick<Outgoing, "dedupId" | "body">[]): void {
    for (const message of due) this.#replacing.set(dueMark(message.dedupId), idOf(message));
  }

  dispatched(dedupId: string | undefined): void {
    this.#replacing.delete(dueMark(dedupId));
  }

  acknowledged({ delivery }: Operation): void {
    for (const purpose of PURPOSES) this.#replacing.delete(requeueId(idOf(delivery), purpose, delivery));
  }
}

/** A driver in a worker, which sends nothing but copies; its process dies between one request and the next. */
export function doomedDriver(
  inner: Driver,
  doom: Doom,
  { queue: main, concurrency, adapter }: WorkerConfig,
): Driver {
  return {
    provider: inner.provider,
    limits: {
      ...inner.limits,
      // Every retry goes by a clone, so that there is something between clone and acknowledgement.
      maxReleaseDelayMs: 0,
      // And every clone through the delay store, where there is one.
      ...(adapter.delayStore === undefined ? {} : { nativeDelayMs: 0 }),
      // So that no more acknowledgements are pending than handlers can run: what a death can duplicate is bounded.
      maxSettleBatch: Math.min(inner.limits.maxSettleBatch, Math.max(1, Math.floor(concurrency / 2))),
    },
    async describe(queue) {
      const traits = await inner.describe(queue);
      return adapter.delayStore === undefined ? traits : { ...traits, nativeDelayMs: 0 };
    },
    classify: (error) => inner.classify(error),
    async send(queue, messages, signal) {
      const isLetter = queue === siblingQueue(main, "-dlq");
      // With a delay store, clones go there; what is sent to the queue is due.
      const isDue = !isLetter && adapter.delayStore !== undefined;
      if (isDue) doom.dispatching(messages);
      else doom.replacing(messages);
      const results = await inner.send(queue, messages, signal);
      if (isLetter) doom.pass("between_dead_letter_and_ack");
      else if (!isDue) doom.pass("between_clone_and_ack");
      return results;
    },
    open: (queue, options) => doomedSource(inner.open(queue, options), doom),
    stats: (queue) => inner.stats(queue),
    close: () => inner.close(),
  };
}

function doomedSource(inner: Source, doom: Doom): Source {
  let draining = false;
  const passDrain = (): void => {
    if (draining) doom.pass("while_draining");
  };
  return {
    next: (max, signal) => inner.next(max, signal),
    async settle(operations) {
      passDrain();
      const results = await inner.settle(operations);
      for (const [index, operation] of operations.entries()) {
        if (operation.kind === "ack" && results[index]?.ok === true) doom.acknowledged(operation);
      }
      // Where dead letters have a sub-queue of their own, there is nothing to acknowledge after that, and nobody who knows.
      if (operations.some(({ kind }) => kind === "dead_letter")) doom.pass("between_dead_letter_and_ack");
      passDrain();
      return results;
    },
    async stop() {
      draining = true;
      passDrain();
      const late = await inner.stop();
      passDrain();
      return late;
    },
    close: () => inner.close(),
  };
}

/** The copy that is dispatched has the id of the one that was put. */
function dueMark(dedupId: string | undefined): string {
  return `due ${dedupId}`;
}

function idOf({ body }: Pick<Delivery, "body">): string {
  return (JSON.parse(Buffer.from(body).toString()) as { readonly id: string }).id;
}
