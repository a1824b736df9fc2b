import { GetQueueUrlCommand } from "@aws-sdk/client-sqs";
import {
  checkName,
  DriverError,
  NameClaims,
  ownerQueue,
  siblingQueue,
  siblingSuffixes,
} from "../../src/driver/index.ts";
import type { Clients } from "./clients.ts";
import { FIFO_ENDING, QUEUE_NAME, QUEUE_NAME_RULE } from "./limits.ts";
import { request } from "./request.ts";

/** Options for the names of queues. */
export interface NamingOptions {
  /** A prefix for every name that `queues` does not map. @default "" */
  readonly prefix?: string | undefined;
  /** Physical names or queue URLs by logical name. @default none */
  readonly queues?: Readonly<Record<string, string>> | undefined;
}

/** The URLs of the queues by their logical names. Each URL is requested once. */
export class QueueUrls {
  readonly #clients: Clients;
  readonly #prefix: string;
  readonly #queues: ReadonlyMap<string, string>;
  readonly #urls = new Map<string, Promise<string>>();
  readonly #claims = new NameClaims("queue");

  /** @throws QueueError `config` if two logical names mean one queue */
  constructor(clients: Clients, { prefix = "", queues = {} }: NamingOptions) {
    this.#clients = clients;
    this.#prefix = prefix;
    this.#queues = new Map(Object.entries(queues));
    NameClaims.check("queue", this.#queues);
  }

  /**
   * Returns the physical name, or the URL if one is configured.
   * @throws DriverError `permanent` if the name is not valid or is a URL, or if another logical name means the same queue
   */
  physical(queue: string): string {
    const physical = this.#physical(queue);
    if (!isUrl(physical)) checkName(physical, QUEUE_NAME, QUEUE_NAME_RULE);
    this.#claims.claim(queue, physical);
    return physical;
  }

  #physical(queue: string): string {
    const mapped = this.#queues.get(queue);
    if (mapped !== undefined) return mapped;
    for (const suffix of siblingSuffixes) {
      const owner = ownerQueue(queue, suffix);
      const mappedOwner = owner === undefined ? undefined : this.#queues.get(owner);
      if (mappedOwner !== undefined) return siblingQueue(mappedOwner, suffix);
    }
    if (isUrl(queue)) throw urlAsName(queue);
    return `${this.#prefix}${queue}`;
  }

  /** @throws DriverError `not_found` if the queue does not exist, and any other kind */
  url(queue: string, timeoutMs?: number): Promise<string> {
    let url = this.#urls.get(queue);
    if (url === undefined) {
      url = this.#find(this.physical(queue), timeoutMs);
      this.#urls.set(queue, url);
      url.catch(() => this.#urls.delete(queue));
    }
    return url;
  }

  /** Forgets the URL of a queue that was created or removed. */
  forget(queue: string): void {
    this.#urls.delete(queue);
  }

  async #find(physical: string, timeoutMs: number | undefined): Promise<string> {
    if (isUrl(physical)) return physical;
    const clients = this.#clients;
    const command = new GetQueueUrlCommand({ QueueName: physical });
    const { QueueUrl } = await request({ clients, action: "GetQueueUrl", timeoutMs }, (options) =>
      clients.work.send(command, options),
    );
    return QueueUrl as string;
  }
}

/**
 * A signed request, with its session token, goes to the host of a queue's URL. Only the configuration may name a host: the
 * name of a queue may come from elsewhere, such as a tenant or a message.
 */
function urlAsName(queue: string): DriverError {
  return new DriverError(
    "permanent",
    `"${queue}" is a URL, which is not accepted as the name of a queue; map a name to it in queues of the configuration`,
  );
}

export function isUrl(name: string): boolean {
  return name.startsWith("https://") || name.startsWith("http://");
}

export function isFifo(physical: string): boolean {
  return physical.endsWith(FIFO_ENDING);
}
