import type {
  ManagedHandler,
  ManagedQueue,
  ManagedReceiveOptions,
} from "../../../src/queue/managed-receive.ts";
import { Events, type Outcome, QueueFixture, type QueueFixtureOptions, watch } from "../support.ts";

export interface FixtureOptions extends QueueFixtureOptions {
  /** The queue that the fixture receives from. @default "jobs" */
  readonly name?: string;
}

/** A fixture that receives from its queue "jobs". */
export class Fixture extends QueueFixture {
  readonly events: Events = new Events();
  readonly stop: AbortController = new AbortController();

  readonly name: string;

  constructor({ name = "jobs", ...options }: FixtureOptions = {}) {
    super({ queues: [name], ...options });
    this.name = name;
  }

  receive(handler: ManagedHandler, options: ManagedReceiveOptions = {}): Outcome<void> {
    const { signal } = this.stop;
    const queue = this.queue as ManagedQueue;
    return watch(queue.receiveManaged(this.name, handler, { signal, onEvent: this.events.add, ...options }));
  }

  async send(...types: string[]): Promise<void> {
    for (const type of types) await this.queue.send(this.name, { type, payload: {} });
  }

  async counts(): Promise<(number | undefined)[]> {
    const { messages, inFlight, delayed, failed } = await this.queue.stats(this.name);
    return [messages, inFlight, delayed, failed];
  }
}
