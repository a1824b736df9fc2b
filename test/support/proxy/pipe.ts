import type { Socket } from "node:net";
import { type Clock, sleep } from "../../../src/lib/clock.ts";

/** What all that passes a proxy has to pass. */
export interface Road {
  readonly clock: Clock;
  /** Until then nothing passes; undefined where all does. */
  open: Promise<void> | undefined;
  bytesPerSecond: number | undefined;
}

/** A throttled second is let through in so many slices. */
const SLICES = 10;

/** Passes one direction of a connection on until its end, and the end as well. */
export function pipe(from: Socket, to: Socket, road: Road): void {
  run(from, to, road).then(
    () => to.end(),
    () => to.destroy(),
  );
}

async function run(from: Socket, to: Socket, road: Road): Promise<void> {
  // One that has said all that it has to say may still listen.
  for await (const chunk of from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    for (const slice of slices(chunk, road)) {
      // Looked at again after each wait: another stall may have begun.
      while (road.open !== undefined) await road.open;
      await write(to, slice);
      const { clock, bytesPerSecond } = road;
      if (bytesPerSecond !== undefined) await sleep(clock, (slice.length / bytesPerSecond) * 1_000);
    }
  }
  while (road.open !== undefined) await road.open;
}

function* slices(chunk: Buffer, road: Road): Generator<Buffer> {
  for (let from = 0; from < chunk.length;) {
    const { bytesPerSecond } = road;
    const size =
      bytesPerSecond === undefined ? chunk.length : Math.max(1, Math.ceil(bytesPerSecond / SLICES));
    yield chunk.subarray(from, from + size);
    from += size;
  }
}

/** Waits where the other side is slow to read. */
async function write(to: Socket, slice: Buffer): Promise<void> {
  if (to.destroyed || to.write(slice)) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      to.off("drain", done).off("close", done);
      resolve();
    };
    to.on("drain", done).on("close", done);
  });
}
