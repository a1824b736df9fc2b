import type { EmulatedProvider } from "../../../adapters/memory/index.ts";
import { QueueFixture, SECOND, watch } from "../support.ts";

/** A fixture whose queue "jobs" has dead letters. */
export class Fixture extends QueueFixture {
  constructor(emulate?: EmulatedProvider) {
    super({ queues: ["jobs"], ...(emulate === undefined ? {} : { emulate }) });
  }

  /** Sends a message of each type and lets its only attempt fail, so that it is dead-lettered. */
  async deadLetter(...types: string[]): Promise<void> {
    for (const type of types)
      await this.queue.send("jobs", { type, id: type, payload: { of: type }, maxAttempts: 1 });
    const stop = new AbortController();
    const received = this.queue.receive("jobs", ({ type }) => Promise.reject(new Error(`${type} failed`)), {
      signal: stop.signal,
      // A receiver without a listener prints its first failure.
      onEvent: () => {},
    });
    await this.clock.settle();
    await this.clock.advance(10);
    stop.abort();
    await this.clock.advance(SECOND);
    await received;
  }

  /** Advances the clock until work that waits for the provider has ended. */
  async done<T>(work: Promise<T>): Promise<T> {
    const outcome = watch(work);
    for (let step = 0; step < 200 && outcome.state === "pending"; step += 1) await this.clock.advance(100);
    return work;
  }

  async failed(): Promise<number | undefined> {
    return (await this.queue.stats("jobs")).failed;
  }

  /** Receives for a second. Returns the id and the attempt of each message. */
  async receiveAll(): Promise<[string, number][]> {
    const seen: [string, number][] = [];
    const stop = new AbortController();
    const received = this.queue.receive(
      "jobs",
      ({ id }, { attempt }) => Promise.resolve(void seen.push([id, attempt])),
      {
        signal: stop.signal,
      },
    );
    await this.clock.advance(SECOND);
    stop.abort();
    await this.clock.advance(SECOND);
    await received;
    return seen;
  }
}
