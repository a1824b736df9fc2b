import type { Socket } from "node:net";
import { type Clock, sleep } from "../../../src/lib/clock.ts";

/** The state of the network between a client and its server. All connections of a proxy share it. */
export interface NetworkState {
  readonly clock: Clock;
  /** Nothing passes until this promise resolves. `undefined` if there is no stall. */
  stall: Promise<void> | undefined;
  /** `undefined` if there is no limit. */
  bytesPerSecond: number | undefined;
}

/** Number of slices into which the bytes of one throttled second are divided. */
const SLICES = 10;

/** Forwards one direction of a connection, and its end. */
export function pipe(from: Socket, to: Socket, network: NetworkState): void {
  run(from, to, network).then(
    () => to.end(),
    () => to.destroy(),
  );
}

async function run(from: Socket, to: Socket, network: NetworkState): Promise<void> {
  // A side that has sent everything may still read, so its socket must not be destroyed here.
  for await (const chunk of from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    for (const slice of slices(chunk, network)) {
      // Checked again after each wait, because another stall may have begun.
      while (network.stall !== undefined) await network.stall;
      await write(to, slice);
      const { clock, bytesPerSecond } = network;
      if (bytesPerSecond !== undefined) await sleep(clock, (slice.length / bytesPerSecond) * 1_000);
    }
  }
  while (network.stall !== undefined) await network.stall;
}

function* slices(chunk: Buffer, network: NetworkState): Generator<Buffer> {
  for (let from = 0; from < chunk.length;) {
    const { bytesPerSecond } = network;
    const size =
      bytesPerSecond === undefined ? chunk.length : Math.max(1, Math.ceil(bytesPerSecond / SLICES));
    yield chunk.subarray(from, from + size);
    from += size;
  }
}

/** Waits for the drain event if the other side reads slowly. */
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
