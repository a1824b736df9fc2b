import type { OpenBroker } from "../world.ts";
import { World } from "../world.ts";
import { describeChange } from "./describe-change.ts";
import type { JobLedger } from "./job-ledger.ts";
import type { JobPlan } from "./plan.ts";
import { WatchedStore } from "./watched-store.ts";

const MOST = 1_000;
const LETTERS = 10;
const LONGEST_LEASE_MS = 300_000;
const ID = /[\da-f]{8}-[\da-f-]{27}|key-[\w-]{43}|own-\d+/g;
const WORKER = /worker [\w.-]+-\d+-\d+/;
const NOTHING: { readonly ready?: number; readonly inFlight?: number; readonly delayed?: number } = {};

/** The parts that all processes of a run of the job system share. */
export class JobWorld extends World<JobPlan, JobLedger> {
  readonly records: WatchedStore;
  /** Until when nobody can reach the store. */
  storeDownUntil = 0;
  /** Calls of the store that the network holds back. */
  delayed = 0;
  /** When an operator has acted last. */
  lastAction = 0;

  constructor(plan: JobPlan, broker: OpenBroker, ledger: JobLedger, traced: boolean) {
    super(plan, broker, ledger, traced);
    this.records = new WatchedStore(broker.clock, (process, changes) => {
      for (const change of changes) {
        ledger.applied(process, change);
        if (this.trace !== undefined) this.note(process, `  → ${describeChange(ledger, change)}`);
      }
    });
  }

  /** Names jobs by their keys, since their ids say nothing. */
  override note(source: string, event: string): void {
    if (this.trace === undefined) return;
    const named = event.replaceAll(ID, (id) => this.ledger.nameOf(id)).replace(WORKER, "worker");
    super.note(source, named);
  }

  /** Takes out what is in the dead-letter queues, with what the broker itself has put there. */
  async readLetters(): Promise<void> {
    for (const { deadLetters } of this.queues) {
      const source = this.driver.open(deadLetters, { prefetch: MOST, leaseMs: LONGEST_LEASE_MS });
      for (let isLeft = true; isLeft;) {
        const enough = new AbortController();
        const polling = source.next(LETTERS, enough.signal).catch(() => []);
        await this.clock.settle();
        enough.abort();
        const found = await polling;
        for (const { body, brokerId, attributes } of found) {
          const job = this.ledger.ofBody(body);
          job?.letters.add(brokerId);
          if (job !== undefined)
            job.letterGeneration = Math.max(job.letterGeneration, Number(attributes["qp_redrive"] ?? 0));
        }
        // Acknowledged, since a queue that keeps order delivers the next one of a key only then.
        if (found.length > 0) await source.settle(found.map((delivery) => ({ kind: "ack", delivery })));
        isLeft = found.length > 0;
      }
    }
  }

  /** Whether the queues have no message to deliver. */
  async isEmpty(): Promise<boolean> {
    for (const { main, delayQueue } of this.queues) {
      for (const queue of [main, delayQueue]) {
        // A delay queue that nobody has used does not exist.
        const { ready = 0, inFlight = 0, delayed = 0 } = await this.driver.stats(queue).catch(() => NOTHING);
        if (ready + inFlight + delayed > 0) return false;
      }
    }
    return true;
  }
}
