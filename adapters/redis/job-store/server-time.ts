/**
 * The time of the server, known between two answers without asking. Each answer bounds it: the server read its clock after
 * the request left, and before the answer came. So a clock that was set, or is that of another server after a failover, is
 * noticed with the next answer.
 */
export class ServerTime {
  readonly #read: () => number;
  /** The server's clock minus this process's. Undefined before the first answer. */
  #offset: number | undefined;

  /** @param read milliseconds of a clock that only goes on. @default performance.now */
  constructor(read: () => number = () => performance.now()) {
    this.#read = read;
  }

  get isKnown(): boolean {
    return this.#offset !== undefined;
  }

  /** A reading to give to {@link answered}. */
  sent(): number {
    return this.#read();
  }

  /** @param serverMs the time of the server in the answer to a request that was sent at `sentAt` */
  answered(sentAt: number, serverMs: number): void {
    const [least, most] = [serverMs - this.#read(), serverMs - sentAt];
    const offset = this.#offset ?? most;
    this.#offset = Math.min(most, Math.max(least, offset));
  }

  /** Epoch milliseconds of the server's clock. */
  now(): number {
    return Math.floor(this.#read() + (this.#offset ?? 0));
  }
}
