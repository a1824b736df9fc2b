import { randomUUID } from "node:crypto";
import type {
  Body,
  Delivery,
  Driver,
  OpenOptions,
  Operation,
  Outgoing,
  SendResult,
  SettleResult,
  Source,
} from "../../driver/contract.ts";
import type { ErrorKind } from "../../driver/error.ts";
import type { CaseContext } from "./case-context.ts";
import { expectThat } from "./expect.ts";
import { never } from "./source.ts";

/** One driver with one queue, for cases that call the contract without the core above it. */
export class DirectQueue {
  readonly name: string;
  readonly driver: Driver;
  readonly #context: CaseContext;

  private constructor(context: CaseContext, driver: Driver, name: string) {
    this.#context = context;
    this.driver = driver;
    this.name = name;
  }

  static async make(context: CaseContext): Promise<DirectQueue> {
    const name = await context.makeQueue();
    return new DirectQueue(context, await context.openDriver(), name);
  }

  /** The same queue as another process sees it. */
  async elsewhere(): Promise<DirectQueue> {
    return new DirectQueue(this.#context, await this.#context.openDriver(), this.name);
  }

  /** Creates a message. A queue on which every message needs an ordering key gets the body as its key. */
  outgoing(body: Body, over: Partial<Outgoing> = {}): Outgoing {
    const needsKey = this.#context.declared.traits.orderingKeyRequired;
    const key = needsKey ? { orderingKey: textOf(body) } : {};
    return { body, attributes: { type: "job" }, delayMs: 0, dedupId: randomUUID(), ...key, ...over };
  }

  /** Calls `send`, in as many calls as the limits need. */
  async send(messages: readonly Outgoing[], signal: AbortSignal = never): Promise<SendResult[]> {
    const { maxBatch } = this.driver.limits;
    const results: SendResult[] = [];
    for (let from = 0; from < messages.length; from += maxBatch) {
      const some = messages.slice(from, from + maxBatch);
      results.push(...(await this.#context.waitFor("a send", this.driver.send(this.name, some, signal))));
    }
    return results;
  }

  /** Sends a message for each body, each of which must be accepted. */
  async sendBodies(...bodies: readonly string[]): Promise<void> {
    const results = await this.send(bodies.map((body) => this.outgoing(body)));
    for (const [index, body] of bodies.entries()) expectDone(`the send of "${body}"`, results[index]);
  }

  open(prefetch: number, over: Partial<OpenOptions> = {}): Source {
    return this.driver.open(this.name, { prefetch, leaseMs: this.#context.leaseMs, ...over });
  }

  /** Takes the messages that are ready now, and acknowledges them. Returns their bodies, in sorted order. */
  async takeAll(expected: number): Promise<string[]> {
    const { leaseMs } = this.#context;
    const source = this.open(Math.max(1, expected));
    const deliveries = await takeWithin(this.#context, source, expected, leaseMs / 2);
    await settle(this.#context, source, deliveries.map(ackOf));
    await this.#context.waitFor("the stop of a source", source.stop());
    await source.close();
    return deliveries.map(({ body }) => textOf(body)).toSorted();
  }
}

export function textOf(body: Body): string {
  return typeof body === "string" ? body : Buffer.from(body).toString();
}

export function ackOf(delivery: Delivery): Operation {
  return { kind: "ack", delivery };
}

/** The operations that every provider has, on one delivery. */
export function operationsOn(delivery: Delivery, leaseMs: number): readonly Operation[] {
  return [
    { kind: "extend", delivery, leaseMs },
    { kind: "release", delivery, delayMs: 0 },
    { kind: "ack", delivery },
  ];
}

/** Takes up to `count` messages. Ends without an error after `withinMs`. */
export async function takeWithin(
  context: CaseContext,
  source: Source,
  count: number,
  withinMs: number,
): Promise<Delivery[]> {
  const deliveries: Delivery[] = [];
  const stop = new AbortController();
  const timer = context.clock.timer(withinMs, () => stop.abort(), true);
  while (deliveries.length < count && !stop.signal.aborted) {
    const missing = Math.min(count - deliveries.length, context.declared.limits.maxReceive);
    deliveries.push(...(await context.waitFor("a poll", source.next(missing, stop.signal))));
    // A source that answers empty at once is asked again at the pace of the core, at the fastest.
    if (deliveries.length < count) await context.pass(20);
  }
  timer.cancel();
  return deliveries;
}

/** Settles, and returns one result for each operation. */
export async function settle(
  context: CaseContext,
  source: Source,
  operations: readonly Operation[],
): Promise<SettleResult[]> {
  const { maxSettleBatch } = context.declared.limits;
  const results: SettleResult[] = [];
  for (let from = 0; from < operations.length; from += maxSettleBatch) {
    const some = operations.slice(from, from + maxSettleBatch);
    results.push(...(await context.waitFor("a settlement", source.settle(some))));
  }
  return results;
}

/** Describes the outcome of one item: `ok`, or the kind of its error. */
export function outcomeOf(result: SendResult | SettleResult | undefined): string {
  if (result === undefined) return "no result";
  return result.ok ? "ok" : result.error.kind;
}

export function expectDone(subject: string, result: SendResult | SettleResult | undefined): void {
  const actual = result?.ok === false ? `${result.error.kind} (${result.error.message})` : "no result";
  expectThat(subject, result?.ok === true, actual, "success");
}

/** Asserts that one item failed with this kind of error. */
export function expectFailed(
  subject: string,
  result: SendResult | SettleResult | undefined,
  kind: ErrorKind,
): void {
  const actual = result?.ok === false ? `${result.error.kind} (${result.error.message})` : outcomeOf(result);
  expectThat(subject, result?.ok === false && result.error.kind === kind, actual, kind);
}

/** Asserts that a call of a driver rejects with this kind of error, as its `classify` names it. */
export async function expectRejection(
  subject: string,
  driver: Driver,
  work: Promise<unknown>,
  kind: ErrorKind,
): Promise<void> {
  const outcome = await work.then(
    () => "success",
    (error: unknown) => driver.classify(error),
  );
  expectThat(subject, outcome === kind, outcome, kind);
}
