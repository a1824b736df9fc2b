import type { JobEvent, ReceiveEvent } from "../../../src/diagnostics.ts";
import { Worker } from "../../../src/worker/worker.ts";
import type { WorkerOptions } from "../../../src/worker/types.ts";
import { Events, type Outcome, QueueFixture, type QueueFixtureOptions, watch } from "../support.ts";

const EVENTS: readonly (JobEvent | ReceiveEvent)["event"][] = [
  "started",
  "progress",
  "completed",
  "failed",
  "retrying",
  "dead_lettered",
  "released",
  "stuck",
  "late",
  "polled",
  "poll_failed",
  "settle_failed",
  "lease_lost",
  "warning",
];

/** A queue fixture with a worker and the events of the worker. */
export class Fixture extends QueueFixture {
  readonly events: Events = new Events();
  readonly worker: Worker;

  constructor(options: WorkerOptions = {}, queueOptions: QueueFixtureOptions = {}) {
    super(queueOptions);
    this.worker = this.make(options);
  }

  make(options: WorkerOptions = {}): Worker {
    const worker = new Worker(this.queue, options);
    for (const event of EVENTS) worker.on(event, this.events.add);
    return worker;
  }

  async start(queues: string | readonly string[] = "jobs", signal?: AbortSignal): Promise<Outcome<void>> {
    const working = watch(this.worker.run(queues, { signal }));
    await this.clock.settle();
    return working;
  }

  async send(type: string, payload: unknown = {}, queue: string = "jobs"): Promise<string> {
    const { id } = await this.queue.send(queue, { type, payload });
    await this.clock.settle();
    return id;
  }

  async counts(queue: string = "jobs"): Promise<(number | undefined)[]> {
    const { messages, inFlight, delayed, failed } = await this.queue.stats(queue);
    return [messages, inFlight, delayed, failed];
  }
}
