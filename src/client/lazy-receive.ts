type ReceiveParts = typeof import("./receive-parts.ts");

let loaded: ReceiveParts | undefined;

/**
 * Calls `work` with the code that receives messages: immediately if it has been loaded before, else when it is loaded.
 */
export function loadReceive<T>(work: (parts: ReceiveParts) => Promise<T>): Promise<T> {
  if (loaded !== undefined) return work(loaded);
  return import("./receive-parts.ts").then((parts) => {
    loaded = parts;
    return work(parts);
  });
}

/** Provides the code that receives messages. A test with a fake clock needs it: loading a file takes real time. */
export function preloadReceive(parts: ReceiveParts): void {
  loaded = parts;
}
