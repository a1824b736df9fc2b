type Consuming = typeof import("./receive-parts.ts");

let loaded: Consuming | undefined;

/** Calls `work` with what takes messages out of queues: at once where that has been loaded, else when it is. */
export function loadReceive<T>(work: (consuming: Consuming) => Promise<T>): Promise<T> {
  if (loaded !== undefined) return work(loaded);
  return import("./receive-parts.ts").then((consuming) => {
    loaded = consuming;
    return work(consuming);
  });
}

/** For whoever has it, and whose time stands still while a file is read. */
export function preloadReceive(consuming: Consuming): void {
  loaded = consuming;
}
