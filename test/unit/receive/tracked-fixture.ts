import { DriverError } from "../../../src/driver/error.ts";
import type { ManagedHandler, ManagedReceiveOptions } from "../../../src/queue/managed-receive.ts";
import type { NewMessage } from "../../../src/message/message.ts";
import type { Outcome } from "../support.ts";
import { Fixture } from "./fixture.ts";
import { RecordingTracker } from "./recording-tracker.ts";

/** A fixture whose receiver has a tracker. */
export class TrackedFixture extends Fixture {
  readonly tracker: RecordingTracker = new RecordingTracker();
  /** The ids of the messages whose handler was called, with the number of the attempt. */
  readonly runs: string[] = [];

  /** Sends a message with this id, and receives. The handler notes its runs, and then does what `handler` does. */
  async begin(
    id: string,
    handler: ManagedHandler = () => undefined,
    message: Partial<NewMessage> = {},
    options: ManagedReceiveOptions = {},
  ): Promise<Outcome<void>> {
    await this.queue.send(this.name, { id, type: "mail", payload: {}, ...message });
    const received = this.tracked(handler, options);
    await this.clock.settle();
    return received;
  }

  tracked(handler: ManagedHandler = () => undefined, options: ManagedReceiveOptions = {}): Outcome<void> {
    const noted: ManagedHandler = (message, run) => {
      this.runs.push(`${message.id} ${run.attempt}`);
      return handler(message, run);
    };
    return this.receive(noted, { tracker: this.tracker, ...options });
  }

  /** Makes every further extension of a lease fail, as if another receiver had the message. */
  loseLeases(): void {
    const error = new DriverError("lease_lost", "another receiver has it");
    this.fault = (point) =>
      point.operation === "settle" && point.operations[0]?.kind === "extend"
        ? { kind: "error", error }
        : undefined;
  }
}
