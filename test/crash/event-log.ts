import { closeSync, openSync, writeSync } from "node:fs";
import { open } from "node:fs/promises";

/**
 * A log file that several processes append to, with one event on each line. `write` is synchronous, so a kill after it
 * loses nothing.
 */
export class EventLog<Event> {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, "a");
  }

  write(event: Event): void {
    writeSync(this.#file, `${JSON.stringify(event)}\n`);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Reads a log file while processes append to it. Each event is read once, since a log has millions of them. */
export class EventLogReader<Event> {
  readonly #path: string;
  readonly #events: Event[] = [];
  #offset = 0;
  #reading: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  /** All events up to now. The same array each time. */
  async read(): Promise<readonly Event[]> {
    this.#reading = this.#reading.then(() => this.#readOn());
    await this.#reading;
    return this.#events;
  }

  async #readOn(): Promise<void> {
    const file = await open(this.#path, "r");
    try {
      const { size } = await file.stat();
      const bytes = Buffer.alloc(size - this.#offset);
      const { bytesRead } = await file.read(bytes, 0, bytes.length, this.#offset);
      // The last line may be half written.
      const end = bytes.subarray(0, bytesRead).lastIndexOf("\n") + 1;
      this.#offset += end;
      for (const line of bytes.toString("utf8", 0, end).split("\n"))
        if (line !== "") this.#events.push(JSON.parse(line) as Event);
    } finally {
      await file.close();
    }
  }
}
