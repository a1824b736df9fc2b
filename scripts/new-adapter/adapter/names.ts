import { checkName, NameClaims } from "../../../src/driver/index.ts";
import { QUEUE_NAME, QUEUE_NAME_RULE } from "./limits.ts";

/** Options for the names of queues. */
export interface NamingOptions {
  /** A prefix for the name of every queue. @default "" */
  readonly prefix?: string | undefined;
}

/** The names of the queues on the server, by their logical names. */
export class Names {
  readonly #prefix: string;
  readonly #claims = new NameClaims("queue");

  constructor({ prefix = "" }: NamingOptions) {
    this.#prefix = prefix;
  }

  /** @throws DriverError `permanent` if the name is not valid, or if another logical name means the same queue */
  physical(queue: string): string {
    const name = `${this.#prefix}${queue}`;
    checkName(name, QUEUE_NAME, QUEUE_NAME_RULE);
    this.#claims.claim(queue, name);
    return name;
  }
}
