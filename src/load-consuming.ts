type Consuming = typeof import("./consuming.ts");

let loaded: Consuming | undefined;

/** Calls `work` with what takes messages out of queues: at once where that has been loaded, else when it is. */
export function withConsuming<T>(work: (consuming: Consuming) => Promise<T>): Promise<T> {
  if (loaded !== undefined) return work(loaded);
  return import("./consuming.ts").then((consuming) => {
    loaded = consuming;
    return work(consuming);
  });
}

/** For whoever has it, and whose time stands still while a file is read. */
export function provideConsuming(consuming: Consuming): void {
  loaded = consuming;
}
