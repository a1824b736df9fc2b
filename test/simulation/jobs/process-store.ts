import type { JobStore } from "../../../src/jobs/index.ts";
import type { JobChange } from "../../../src/jobs/store/change.ts";
import { wrappedStore, type StoreMethod } from "../../../src/jobs/store/wrapped-store.ts";
import { storeDown } from "../../../src/jobs/writes/store-down.ts";
import { sleep } from "../../../src/lib/clock.ts";
import type { PlannedFault, StoreStep } from "../plan.ts";
import type { JobWorld } from "./job-world.ts";
import type { JobHost } from "./job-process.ts";

/** The requests of a store that change no job. */
const STEPS: Readonly<Partial<Record<StoreMethod, StoreStep>>> = {
  takeDue: "store take",
  prune: "store prune",
  prunable: "store prune",
  beat: "store beat",
  leave: "store beat",
  workers: "store beat",
};
/** Time after which a call that arrives in the reverse order goes on, if no other one comes. */
const REVERSED_MS = 400;
const HOUR_MS = 3_600_000;

/** The store of one process. Faults happen to its requests. */
export class ProcessStore {
  readonly store: JobStore;
  readonly #host: JobHost;
  readonly #world: JobWorld;
  /** Until when this process cannot reach the store, and until when it is slow. */
  #cutUntil = 0;
  #slowUntil = 0;
  /** A call that lets the next one go first. */
  #reversed: (() => void) | undefined;

  constructor(host: JobHost, shared: JobStore) {
    this.#host = host;
    this.#world = host.world;
    const guarded = wrappedStore(shared, (method, call, given) => this.#request(method, call, given));
    this.store = {
      ...guarded,
      capabilities: { ...guarded.capabilities, shared: true, pushMs: host.world.plan.isPushing ? 100 : 0 },
      listen: (namespace, listener) =>
        shared.listen(namespace, (hint, id) => {
          if (host.isDead || !host.world.plan.isPushing) return;
          if (host.frozen === undefined) listener(hint, id);
          else void host.frozen.then(() => !host.isDead && listener(hint, id));
        }),
    };
  }

  async #request(
    method: StoreMethod,
    call: () => Promise<unknown>,
    given: readonly unknown[],
  ): Promise<unknown> {
    const host = this.#host;
    const world = this.#world;
    if (method === "close" || method === "migrate") return call();
    if (host.isDead) return host.halt();
    const changes = method === "apply" ? (given[1] as readonly JobChange[]) : [];
    const step = stepOf(method, changes);
    const detail = changes.map(({ kind, id }) => `${kind} ${world.ledger.nameOf(id)}`).join(", ");
    const entries = Math.max(1, changes.length);
    await this.#goOn();
    const before = host.reach({ step, side: "before", entries }, detail);
    if (host.isDead) return host.halt();
    await this.#goOn();
    this.#begin(before);
    await world.latency();
    if (host.isDead) return host.halt();
    if (world.now() < this.#slowUntil) {
      world.ledger.troubled(host.name);
      await sleep(world.clock, world.random.int(100, 3_000));
    }
    if (host.isDead) return host.halt();
    if (world.now() < Math.max(world.storeDownUntil, this.#cutUntil)) {
      world.ledger.troubled(host.name);
      await sleep(world.clock, 5);
      if (host.isDead) return host.halt();
      throw storeDown("memory", "the simulation cuts it off");
    }
    if (before?.kind === "late") return this.#late(before, call, changes);
    if (before?.kind === "locked") {
      world.ledger.reached("store: rows are locked");
      return changes.map(() => ({ do: "again" }));
    }
    if (before?.kind === "reverse") await this.#letPass();
    const answer = await call();
    this.#reversed?.();
    const after = host.isDead ? undefined : host.reach({ step, side: "after", entries }, detail);
    if (host.isDead) return host.halt();
    if (after?.kind === "lost") world.ledger.troubled(host.name);
    await world.latency();
    await this.#goOn();
    if (host.isDead) return host.halt();
    if (after?.kind === "lost") throw storeDown("memory", "its answer was lost");
    return answer;
  }

  /** Waits for a process that stands still. Its time limits may have passed when it goes on. */
  async #goOn(): Promise<void> {
    const host = this.#host;
    if (host.frozen === undefined) return;
    await host.frozen;
    this.#world.ledger.troubled(host.name);
  }

  /** Begins an outage of some time. */
  #begin(fault: PlannedFault | undefined): void {
    const world = this.#world;
    const now = world.now();
    const { chance = 0, kind } = fault ?? {};
    if (kind === "cut") this.#cutUntil = now + 4_000 + chance * 60_000;
    if (kind === "slow") this.#slowUntil = now + 2_000 + chance * 15_000;
    if (kind === "down")
      world.storeDownUntil = now + (world.plan.isLongOutage ? HOUR_MS : 4_000 + chance * 80_000);
  }

  /** The network holds the call back. Its caller gives it up, and may repeat it meanwhile. */
  async #late(
    { chance }: PlannedFault,
    call: () => Promise<unknown>,
    changes: readonly JobChange[],
  ): Promise<never> {
    const host = this.#host;
    const world = this.#world;
    // A record that comes late may be that of a job which is deleted by then.
    const isRecord = changes.every(({ kind }) => kind === "insert");
    const isVeryLate = world.plan.isPruned && isRecord && chance > 0.5;
    const ms = isVeryLate ? 1.3 * HOUR_MS : chance * (chance < 0.7 ? 5_000 : 60_000);
    world.ledger.troubled(host.name);
    world.delayed += 1;
    world.later(ms, () => {
      world.delayed -= 1;
      world.ledger.isLate = true;
      void call()
        .catch(() => undefined)
        .finally(() => {
          world.ledger.isLate = false;
        });
    });
    if (chance * 10 - Math.floor(chance * 10) < 0.5) return new Promise(() => undefined);
    throw storeDown("memory", "its connection was lost");
  }

  /** Waits until the next call of this process was applied. */
  #letPass(): Promise<void> {
    const world = this.#world;
    return new Promise((resolve) => {
      const timer = world.clock.timer(REVERSED_MS, () => {
        this.#reversed = undefined;
        resolve();
      });
      this.#reversed = () => {
        this.#reversed = undefined;
        timer.cancel();
        world.ledger.reached("store: two calls arrive in the reverse order");
        resolve();
      };
    });
  }
}

function stepOf(method: StoreMethod, [first]: readonly JobChange[]): StoreStep {
  return first === undefined ? (STEPS[method] ?? "store read") : `store ${first.kind}`;
}
