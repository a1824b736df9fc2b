import type { Handler, ReceiveOptions } from "../../../src/queue/queue.ts";
import { Events, type Outcome, Stage, type StageOptions, watch } from "../support.ts";

/** A stage whose queue "jobs" is received. */
export class Fixture extends Stage {
  readonly events: Events = new Events();
  readonly stop: AbortController = new AbortController();

  constructor(options: StageOptions = {}) {
    super({ queues: ["jobs"], ...options });
  }

  receive(handler: Handler, options: ReceiveOptions = {}): Outcome<void> {
    const { signal } = this.stop;
    return watch(this.queue.receive("jobs", handler, { signal, onEvent: this.events.add, ...options }));
  }

  async send(...types: string[]): Promise<void> {
    for (const type of types) await this.queue.send("jobs", { type, payload: {} });
  }

  async counts(): Promise<(number | undefined)[]> {
    const { messages, inFlight, delayed, failed } = await this.queue.stats("jobs");
    return [messages, inFlight, delayed, failed];
  }
}
