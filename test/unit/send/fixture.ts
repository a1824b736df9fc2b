import type { Outgoing, SendResult } from "../../../src/driver/contract.ts";
import { DriverError, type ErrorKind } from "../../../src/driver/error.ts";
import type { Limits, QueueTraits } from "../../../src/driver/limits.ts";
import type { Accepted } from "../../../src/send/request.ts";
import { Sender } from "../../../src/send/sender.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { connect, driverOf, limits, type Outcome, traits, watch } from "../support.ts";

export type Send = (
  queue: string,
  messages: readonly Outgoing[],
  signal: AbortSignal,
) => Promise<SendResult[]>;
export const OK: SendResult = { ok: true, brokerId: "1" };
export const no = (kind: ErrorKind): SendResult => ({
  ok: false,
  error: new DriverError(kind, `it is ${kind}`),
});
export const allOk: Send = (_, messages) => Promise.resolve(messages.map(() => OK));
/** Answers only when the call is aborted, with an ambiguous error as the driver contract requires. */
export const hangs: Send = (_, __, signal) =>
  new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(new DriverError("ambiguous", "aborted")));
  });

/** A sender on a driver whose answers the test chooses. */
export class Fixture {
  readonly clock: FakeClock = new FakeClock();
  readonly calls: (readonly string[])[] = [];
  readonly sender: Sender;
  respond: Send = allOk;

  constructor(
    options: { limits?: Partial<Limits>; traits?: Partial<QueueTraits>; random?: () => number } = {},
  ) {
    const driver = driverOf({
      limits: { ...limits, ...options.limits },
      describe: () => Promise.resolve({ ...traits, ...options.traits }),
      send: (queue, messages, signal) => {
        this.calls.push(messages.map(({ body }) => String(body)));
        return this.respond(queue, messages, signal);
      },
    });
    this.sender = new Sender(connect(driver, this.clock, options.random));
  }

  send(
    body: string,
    { key, signal, deadlineMs = 30_000 }: { key?: string; signal?: AbortSignal; deadlineMs?: number } = {},
  ): Outcome<Accepted> {
    const outgoing = { body, attributes: {}, delayMs: 0, orderingKey: key };
    return watch(this.sender.send("jobs", outgoing, deadlineMs, signal));
  }
}

export const code = (outcome: Outcome<unknown>): unknown =>
  (outcome.error as { code?: string } | undefined)?.code;
