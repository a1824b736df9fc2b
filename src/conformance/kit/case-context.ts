import { randomUUID } from "node:crypto";
import { sleep } from "../../lib/clock.ts";
import { type Declared, type Harness, type QueueNeeds, type Timing, timingOf } from "../harness.ts";
import type { Driver } from "../../driver/contract.ts";
import type { NewMessage } from "../../message/message.ts";
import { CaseTime } from "./case-time.ts";
import { expectEqual, expectThat } from "./expect.ts";
import { Inbox } from "./inbox.ts";
import { type ClientHost, type ClientOptions, TestClient, type TestReceiver } from "./test-client.ts";

/**
 * The queues, the clients and the time of one case. When the case ends, in whatever way, the context closes everything
 * that the case opened and drops its queues.
 */
export class CaseContext implements ClientHost {
  readonly harness: Harness;
  readonly declared: Declared;
  readonly timing: Timing;
  /** Remarks that are reported with the result: duplicates, counts that the provider does not give. */
  readonly notes: string[] = [];
  readonly #time: CaseTime;
  readonly #clients: TestClient[] = [];
  readonly #drivers: Driver[] = [];
  readonly #queues = new Set<string>();
  readonly #receivers: TestReceiver[] = [];
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

  /** Longest time after it is due at which a thing may happen here. */
  get lateMs(): number {
    return this.timing.lateMs + (this.declared.limits.delayGranularityMs ?? 0);
  }

  /** Milliseconds for which this process has stood still so far. */
  get stalledMs(): number {
    return this.#time.stalledMs;
  }

  /** The waits and the requests that have not ended: for the message of a case that hangs. */
  get pending(): string {
    const requests = new Set(this.#clients.flatMap(({ unanswered }) => unanswered));
    const parts = [
      ["waiting for", this.#time.waitsFor],
      ["requests without an answer", [...requests]],
    ] as const;
    return parts.map(([what, all]) => `${what}: ${all.join(", ") || "none"}`).join("; ");
  }

  now(): number {
    return this.#time.now();
  }

  /** Creates a queue that is empty. */
  async makeQueue(needs: Partial<QueueNeeds> = {}): Promise<string> {
    const queue = await this.harness.makeQueue({ leaseMs: this.leaseMs, maxAttempts: 5, ...needs });
    this.#queues.add(queue);
    return queue;
  }

  /** Returns the name of a queue that does not exist. If the case brings it into being, it is dropped at the end. */
  missingQueue(): string {
    const queue = this.harness.missingQueue?.() ?? `qp-missing-${randomUUID()}`;
    this.#queues.add(queue);
    return queue;
  }

  /** Connects another client, which the backend sees as another process. */
  async connect(options?: ClientOptions): Promise<TestClient> {
    const client = new TestClient(await this.harness.open(), this, options);
    this.#clients.push(client);
    return client;
  }

  /** Opens a driver of another process, without the core above it. */
  async openDriver(): Promise<Driver> {
    const driver = await this.harness.open();
    this.#drivers.push(driver);
    return driver;
  }

  inbox(): Inbox {
    return new Inbox(this);
  }

  /** Lets this much time pass, with everything that happens in it. */
  pass(ms: number): Promise<void> {
    return this.#time.pass(ms);
  }

  /** Waits for a condition. Fails if it does not hold in time, and as soon as a receiver fails that was not stopped. */
  waitUntil(
    subject: string,
    condition: () => boolean | Promise<boolean>,
    withinMs: number = this.timing.patienceMs,
    state?: () => string,
  ): Promise<void> {
    return this.#time.until({ subject, condition, withinMs, state, failure: () => this.#failure });
  }

  /** Waits for work that needs time to pass, such as a drain or a scan of dead letters. Settles as the work does. */
  async waitFor<T>(subject: string, work: Promise<T>, withinMs: number = this.timing.patienceMs): Promise<T> {
    let isSettled = false;
    const settled = (): void => {
      isSettled = true;
    };
    work.then(settled, settled);
    await this.#time.until({ subject, condition: () => isSettled, withinMs });
    return work;
  }

  /** For handlers: returns after this much time. */
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleep(this.clock, ms, signal);
  }

  /** For handlers: does not return before the case ends. */
  hang(): Promise<void> {
    return this.#ended.promise;
  }

  /**
   * Asserts that a thing that was due at `dueAt` happened at `at`: not early, and at most `lateMs` late. The time for
   * which this process stood still is allowed in addition.
   */
  expectOnTime(subject: string, at: number, dueAt: number, lateMs: number = this.lateMs): void {
    const offMs = at - dueAt;
    const { earlyMs } = this.timing;
    const mostMs = lateMs + this.#time.excusedMs(dueAt - lateMs, at);
    const actual = offMs < 0 ? `${-offMs} ms early` : `${offMs} ms late`;
    const wanted = `at most ${earlyMs} ms early and at most ${mostMs} ms late`;
    expectThat(subject, offMs >= -earlyMs && offMs <= mostMs, actual, wanted);
  }

  /** Sends this many messages in one batch, each of which must be accepted. Returns their ids, in order. */
  async sendMany(
    client: TestClient,
    queue: string,
    count: number,
    message: (index: number) => Partial<NewMessage> = () => ({}),
  ): Promise<string[]> {
    const messages = Array.from({ length: count }, (_, index) => ({
      type: "job",
      payload: { index },
      ...message(index),
    }));
    const outcomes = await this.waitFor(
      `a batch of ${count} messages`,
      client.queue.sendBatch(queue, messages),
    );
    return outcomes.map((outcome) => {
      if (!outcome.ok) throw outcome.error;
      return outcome.id;
    });
  }

  /** Asserts that a queue without a receiver is empty: no message is ready, and none returns after a lease. */
  async expectEmpty(queue: string): Promise<void> {
    const client = await this.connect();
    const rest = this.inbox();
    const receiver = client.receive(queue, rest.handler());
    await this.pass(this.leaseMs + this.lateMs);
    await receiver.stop();
    const left = rest.arrivals.map(({ message, attempt }) => `${message.id} (attempt ${attempt})`);
    expectEqual("messages left in the queue", left, []);
  }

  /** Asserts that a count of duplicates is at most `most`. On a virtual clock nothing excuses a duplicate, so it must be 0. */
  expectDuplicates(duplicates: number, most: number): void {
    if (duplicates > 0) this.notes.push(`duplicates: ${duplicates}`);
    const allowed = this.harness.clock === undefined ? most : 0;
    expectThat("duplicates", duplicates <= allowed, duplicates, `at most ${allowed}`);
  }

  receiverStarted(receiver: TestReceiver): void {
    this.#receivers.push(receiver);
  }

  receiverFailed(error: unknown): void {
    this.#failure ??= error;
  }

  /** Kills the clients and drops the queues. Failures in here do not change the result of the case. */
  async close(): Promise<void> {
    const quietly = (work: Promise<unknown>): Promise<unknown> => work.catch(() => undefined);
    this.#ended.resolve();
    await Promise.all(this.#clients.map((client) => quietly(client.kill())));
    await quietly(
      this.waitFor("the end of the drivers", Promise.all(this.#drivers.map((one) => one.close()))),
    );
    const stopped = Promise.all(this.#receivers.map((receiver) => quietly(receiver.requestStop())));
    await quietly(this.waitFor("the end of the case", stopped));
    for (const queue of this.#queues) await quietly(this.harness.dropQueue(queue));
    this.#time.close();
  }
}
