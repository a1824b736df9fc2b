import assert from "node:assert/strict";
import { sleep } from "../../lib/clock.ts";
import type { Delivery, Source } from "../../driver/contract.ts";
import type { NewMessage } from "../../message/message.ts";
import { type Declared, type Harness, type QueueNeeds, type Timing, timingOf } from "../harness.ts";
import { Inbox } from "./inbox.ts";
import { Peer, type PeerHost, type PeerOptions, type Receiving } from "./peer.ts";
import { CaseTime } from "./time.ts";

/** What one case acts with. All that it opens is closed when the case ends, however it ends. */
export class Stage implements PeerHost {
  readonly harness: Harness;
  readonly declared: Declared;
  readonly timing: Timing;
  /** What the case has to tell beside its verdict. */
  readonly notes: string[] = [];
  readonly #time: CaseTime;
  readonly #peers: Peer[] = [];
  readonly #queues: string[] = [];
  readonly #receiving: Receiving[] = [];
  readonly #ended = Promise.withResolvers<void>();
  #failure: unknown;

  constructor(harness: Harness, declared: Declared) {
    this.harness = harness;
    this.declared = declared;
    this.timing = timingOf(harness);
    this.#time = new CaseTime(harness.clock);
  }

  get clock(): CaseTime["clock"] {
    return this.#time.clock;
  }

  get leaseMs(): number {
    return this.timing.leaseMs;
  }

  /** How much later than due a thing may happen here. */
  get lateMs(): number {
    return this.timing.lateMs + (this.declared.limits.delayGranularityMs ?? 0);
  }

  /** For how long this process has stood still so far. */
  get stalledMs(): number {
    return this.#time.stalledMs;
  }

  now(): number {
    return this.#time.now();
  }

  /** A fresh queue. */
  async makeQueue(needs: Partial<QueueNeeds> = {}): Promise<string> {
    const queue = await this.harness.makeQueue({ leaseMs: this.leaseMs, maxAttempts: 5, ...needs });
    this.#queues.push(queue);
    return queue;
  }

  /** Another process. */
  async connect(options?: PeerOptions): Promise<Peer> {
    const peer = new Peer(await this.harness.open(), this, options);
    this.#peers.push(peer);
    return peer;
  }

  inbox(): Inbox {
    return new Inbox(() => this.now());
  }

  /** Lets so much time pass, with all that happens in it. */
  pass(ms: number): Promise<void> {
    return this.#time.pass(ms);
  }

  /** Waits for a condition; fails where it does not hold in time, or a receiver has failed unasked. */
  until(
    what: string,
    condition: () => boolean | Promise<boolean>,
    withinMs: number = this.timing.patienceMs,
  ): Promise<void> {
    return this.#time.until(what, condition, withinMs, () => this.#failure);
  }

  /** Waits for what needs time to pass: a drain, a look through the dead letters. Settles as it does. */
  async done<T>(what: string, work: Promise<T>, withinMs: number = this.timing.patienceMs): Promise<T> {
    let isDone = false;
    const end = (): void => {
      isDone = true;
    };
    work.then(end, end);
    await this.#time.until(what, () => isDone, withinMs);
    return work;
  }

  /** For handlers: returns after so much time, whoever lets it pass. */
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleep(this.clock, ms, signal);
  }

  /** For handlers: does not return before the case ends. */
  hang(): Promise<void> {
    return this.#ended.promise;
  }

  /**
   * Asserts that a thing that was due at `dueAt` happened at `at`: not early, and at most a bounded time late, beside
   * the time in which this process stood still.
   */
  onTime(what: string, at: number, dueAt: number, lateMs: number = this.lateMs): void {
    const offMs = at - dueAt;
    assert.ok(offMs >= -this.timing.earlyMs, `${what}: ${-offMs} ms early`);
    const mostMs = lateMs + this.#time.excusedMs(dueAt - lateMs, at);
    assert.ok(offMs <= mostMs, `${what}: ${offMs} ms late; at most ${mostMs} is allowed`);
  }

  /** What an adapter's own door for receiving gives next, once there is something. */
  async nextOf(source: Source): Promise<Delivery> {
    const never = new AbortController().signal;
    let delivery: Delivery | undefined;
    await this.until("a message", async () => {
      [delivery] = await this.done("a poll", source.next(1, never));
      return delivery !== undefined;
    });
    return delivery as Delivery;
  }

  /** Sends `count` jobs in one batch, all of which must be taken. Returns their ids, in order. */
  async sendMany(
    peer: Peer,
    queue: string,
    count: number,
    message: (index: number) => Partial<NewMessage> = () => ({}),
  ): Promise<string[]> {
    const messages = Array.from({ length: count }, (_, index) => ({
      type: "job",
      payload: { index },
      ...message(index),
    }));
    const outcomes = await this.done(`sending ${count} messages`, peer.queue.sendBatch(queue, messages));
    return outcomes.map((outcome) => {
      if (!outcome.ok) throw outcome.error;
      return outcome.id;
    });
  }

  /** Asserts that nothing is left in a queue that nobody receives: no message, and none that comes back after a lease. */
  async assertEmpty(queue: string): Promise<void> {
    const peer = await this.connect();
    const rest = this.inbox();
    const receiving = peer.receive(queue, rest.handler());
    await this.pass(this.leaseMs + this.lateMs);
    await this.done("the last receiver stops", receiving.stop());
    const left = rest.arrivals.map(({ message, attempt }) => `${message.id} (attempt ${attempt})`);
    assert.deepEqual(left, [], "nothing is left in the queue");
  }

  receiving(receiving: Receiving): void {
    this.#receiving.push(receiving);
  }

  failed(error: unknown): void {
    this.#failure ??= error;
  }

  /** Kills what still lives and removes the queues. What goes wrong in here is not the case's verdict. */
  async close(): Promise<void> {
    const quietly = (work: Promise<unknown>): Promise<unknown> => work.catch(() => undefined);
    this.#ended.resolve();
    await Promise.all(this.#peers.map((peer) => quietly(peer.kill())));
    const stopped = Promise.all(this.#receiving.map((receiving) => quietly(receiving.stop())));
    await quietly(this.done("the end of the case", stopped));
    for (const queue of this.#queues) await quietly(this.harness.dropQueue(queue));
    this.#time.close();
  }
}
