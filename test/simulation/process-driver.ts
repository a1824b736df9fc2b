import {
  type Driver,
  DriverError,
  type ErrorKind,
  type Limits,
  type Outgoing,
  type QueueTraits,
  type SendResult,
  type Source,
} from "../../src/driver/index.ts";
import { idOf } from "./message-id.ts";
import { sendStep } from "./steps.ts";
import { withFaults } from "./with-faults.ts";
import type { DriverHost } from "./driver-host.ts";
import { ProcessSource } from "./process-source.ts";

/** The driver of one process. Faults happen to its requests. */
export class ProcessDriver implements Driver {
  readonly provider: string;
  readonly limits: Limits;
  readonly #host: DriverHost;
  readonly #inner: Driver;

  constructor(host: DriverHost) {
    const { driver, plan } = host.world;
    this.provider = driver.provider;
    this.limits = { ...driver.limits, ...plan.limits };
    this.#host = host;
    this.#inner = driver;
  }

  async describe(queue: string): Promise<QueueTraits> {
    if (this.#host.dead.aborted) return this.#host.halt();
    const traits = await this.#inner.describe(queue);
    return { ...traits, nativeDelayMs: Math.min(traits.nativeDelayMs, this.limits.nativeDelayMs) };
  }

  classify(error: unknown): ErrorKind {
    return this.#inner.classify(error);
  }

  send(queue: string, messages: readonly Outgoing[], signal: AbortSignal): Promise<SendResult[]> {
    const request = this.#send(queue, [...messages]);
    return new Promise((resolve, reject) => {
      const onAbort = (): void => reject(new DriverError("ambiguous", "this send was aborted"));
      signal.addEventListener("abort", onAbort, { once: true });
      request.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
    });
  }

  open(queue: string, options: Parameters<Driver["open"]>[1]): Source {
    // No prefetch limit, because the broker also counts leases whose delivery was lost, which no receiver knows of.
    const inner = this.#inner.open(queue, { ...options, prefetch: Number.MAX_SAFE_INTEGER });
    return new ProcessSource(this.#host, queue, inner);
  }

  stats(queue: string): ReturnType<Driver["stats"]> {
    return this.#host.dead.aborted ? this.#host.halt() : this.#inner.stats(queue);
  }

  async close(): Promise<void> {
    // All processes share the broker, so it stays open.
  }

  async #send(queue: string, messages: readonly Outgoing[]): Promise<SendResult[]> {
    const host = this.#host;
    const { world } = host;
    const ids = messages.map(({ body }) => idOf(body));
    const step = sendStep(world.roleOf(queue), messages, host.held(ids[0] ?? "").length > 0);
    const excuse = (): void => {
      for (const id of ids) {
        for (const { copy } of host.held(id)) world.ledger.excuse(copy, 0);
        world.ledger.excuseSend(id);
      }
    };
    return withFaults(
      host,
      { step, entries: messages.length },
      `${queue} ${ids.join(" ")}`,
      excuse,
      messages,
      async (some) => {
        const results = await this.#inner.send(queue, some, new AbortController().signal);
        for (const [index, result] of results.entries()) {
          const outgoing = some[index] as Outgoing;
          if (!result.ok) continue;
          const held = host.held(idOf(outgoing.body));
          world.ledger.stored(queue, outgoing, result.brokerId ?? "", held, host.dead.aborted);
        }
        return results;
      },
    );
  }
}
