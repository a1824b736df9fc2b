import type { ServiceBusClient } from "@azure/service-bus";
import type { Clock, Timer } from "../../src/driver/index.ts";

const LOOK_MS = 500;

/** Of the SDK's receivers, what is not in its types: their links. */
interface WithLinks {
  readonly _streamingReceiver?: { readonly link?: Link };
  readonly _messageSession?: { readonly link?: Link };
}

interface Link {
  close(options?: unknown): Promise<void>;
}

const hushed = new WeakSet<Link>();

/**
 * A link that does not answer when it is drained is closed by the SDK on a timer of its own, and nobody hears how that
 * ends: as a rejection a minute later, it would end the process. So this receiver's link never says.
 */
export function hushLink(receiver: object): void {
  const { _streamingReceiver: streaming, _messageSession: session } = receiver as WithLinks;
  for (const link of [streaming?.link, session?.link]) {
    if (link === undefined || hushed.has(link)) continue;
    hushed.add(link);
    const close = link.close.bind(link);
    link.close = (options) => close(options).catch(() => undefined);
  }
}

/** Not in the SDK's types: the id of the connection that a client has now. After each loss there is another. */
export function connectionOf(client: ServiceBusClient): string | undefined {
  const { _connectionContext: context } = client as unknown as {
    readonly _connectionContext?: { readonly connectionId?: string };
  };
  return context?.connectionId;
}

/**
 * Tells that a client's connection was replaced. What was being opened on the old one is not told by the SDK: it waits
 * a minute for the answer to its token.
 */
export class ConnectionWatch {
  readonly #client: ServiceBusClient;
  readonly #clock: Clock;
  readonly #replaced: () => void;
  #connection: string | undefined;
  #timer: Timer | undefined;

  constructor(client: ServiceBusClient, clock: Clock, replaced: () => void) {
    this.#client = client;
    this.#clock = clock;
    this.#replaced = replaced;
    this.#connection = connectionOf(client);
    this.#arm();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #arm(): void {
    this.#timer = this.#clock.timer(LOOK_MS, () => {
      this.#arm();
      const connection = connectionOf(this.#client);
      if (connection === this.#connection) return;
      this.#connection = connection;
      this.#replaced();
    });
  }
}
