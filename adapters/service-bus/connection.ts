import type { ServiceBusClient } from "@azure/service-bus";
import type { Clock, Timer } from "../../src/driver/index.ts";
import { deliverUndecodable, type RheaLink } from "./undecodable.ts";

const CHECK_INTERVAL_MS = 500;

/** The links of the SDK's receivers, which the SDK's types do not contain. */
interface WithLinks {
  readonly _streamingReceiver?: { readonly link?: Link };
  readonly _messageSession?: { readonly link?: Link };
}

interface Link {
  readonly _link?: RheaLink;
  close(options?: unknown): Promise<void>;
}

const patched = new WeakSet<Link>();

/**
 * Makes the receiver's links survive two errors that the SDK does not handle: that of a message that cannot be decoded, and
 * that of `close`. The SDK closes a link that does not answer a drain on a timer; a minute later, the unhandled rejection
 * would end the process. To be called before a link has credit.
 */
export function guardLinks(receiver: object): void {
  const { _streamingReceiver: streaming, _messageSession: session } = receiver as WithLinks;
  for (const link of [streaming?.link, session?.link]) {
    if (link === undefined || patched.has(link)) continue;
    patched.add(link);
    if (link["_link"] !== undefined) deliverUndecodable(link["_link"]);
    const close = link.close.bind(link);
    link.close = (options) => close(options).catch(() => undefined);
  }
}

/** The id of a client's present connection, which the SDK's types do not contain. It changes after each loss. */
export function connectionOf(client: ServiceBusClient): string | undefined {
  const { _connectionContext: context } = client as unknown as {
    readonly _connectionContext?: { readonly connectionId?: string };
  };
  return context?.connectionId;
}

/**
 * Detects that the connection of a client was replaced. The SDK does not report it to a link that was being opened: that
 * link waits a minute for the answer to its token.
 */
export class ConnectionWatch {
  readonly #client: ServiceBusClient;
  readonly #clock: Clock;
  readonly #onReplaced: () => void;
  #connection: string | undefined;
  #timer: Timer | undefined;

  constructor(client: ServiceBusClient, clock: Clock, onReplaced: () => void) {
    this.#client = client;
    this.#clock = clock;
    this.#onReplaced = onReplaced;
    this.#connection = connectionOf(client);
    this.#arm();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #arm(): void {
    this.#timer = this.#clock.timer(CHECK_INTERVAL_MS, () => {
      this.#arm();
      const connection = connectionOf(this.#client);
      if (connection === this.#connection) return;
      this.#connection = connection;
      this.#onReplaced();
    });
  }
}
