import { after, type Figures, percentiles } from "./measure.ts";

/** Calls `work` with each number below `count`, with at most `width` calls in progress. */
export async function inParallel(
  count: number,
  width: number,
  work: (number: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await work(next - 1);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, caller));
}

/** Upper bound of the backlog of `feed`. Every slot stays busy, and a queue in memory has room for it. */
const MAX_WAITING = 5_000;
const CHUNK = 500;

/**
 * Calls `send` with each number below `total`, in chunks, while at most `MAX_WAITING` messages wait.
 *
 * @returns A callback for the handler: it must be called once for every handled message.
 */
export function feed(total: number, send: (number: number) => unknown): () => void {
  let sent = 0;
  let handled = 0;
  let sending = false;
  const go = async (): Promise<void> => {
    sending = true;
    while (sent < total && sent - handled <= MAX_WAITING - CHUNK) {
      const chunk: unknown[] = [];
      for (const end = Math.min(total, sent + CHUNK); sent < end; sent += 1) chunk.push(send(sent));
      await Promise.all(chunk);
    }
    sending = false;
  };
  queueMicrotask(() => void go());
  return () => {
    handled += 1;
    if (!sending && sent - handled <= MAX_WAITING - CHUNK) void go();
  };
}

let onHandled = (): void => {};
let handledAt = 0;

/** Sends one message at a time, and measures the time from the call of `send` to the call of `markHandled`. */
export async function roundTrips(
  warmUp: number,
  messages: number,
  send: (number: number) => Promise<unknown>,
): Promise<Figures> {
  const times: number[] = [];
  for (let number = 0; number < warmUp + messages; number += 1) {
    const { promise, resolve } = Promise.withResolvers<void>();
    onHandled = resolve;
    const startedAt = performance.now();
    await send(number);
    await promise;
    if (number >= warmUp) times.push(handledAt - startedAt);
    await after(2);
  }
  return { ...percentiles(times), messages: warmUp + messages };
}

/** Records the time at which a handler starts. Every handler of `roundTrips` calls it first. */
export function markHandled(): void {
  handledAt = performance.now();
  onHandled();
}
