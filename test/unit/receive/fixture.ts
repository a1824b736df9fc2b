import type {
  ManagedHandler,
  ManagedQueue,
  ManagedReceiveOptions,
} from "../../../src/queue/managed-receive.ts";
import { Events, type Outcome, QueueFixture, type QueueFixtureOptions, watch } from "../support.ts";

/** A fixture that receives from its queue "jobs". */
export class Fixture extends QueueFixture {
  readonly events: Events = new Events();
  readonly stop: AbortController = new AbortController();

  constructor(options: QueueFixtureOptions = {}) {
    super({ queues: ["jobs"], ...options });
  }

  receive(handler: ManagedHandler, options: ManagedReceiveOptions = {}): Outcome<void> {
    const { signal } = this.stop;
    const queue = this.queue as ManagedQueue;
    return watch(queue.receiveManaged("jobs", handler, { signal, onEvent: this.events.add, ...options }));
  }

  async send(...types: string[]): Promise<void> {
    for (const type of types) await this.queue.send("jobs", { type, payload: {} });
  }

  async counts(): Promise<(number | undefined)[]> {
    const { messages, inFlight, delayed, failed } = await this.queue.stats("jobs");
    return [messages, inFlight, delayed, failed];
  }
}
