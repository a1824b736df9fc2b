import { after, type Figures, percentiles } from "../side.ts";

/** Sends one message after the other, and takes the time until each is being handled. */
export async function roundTrips(
  warmUp: number,
  messages: number,
  send: (number: number) => Promise<unknown>,
): Promise<{ readonly figures: Figures }> {
  const times: number[] = [];
  for (let number = 0; number < warmUp + messages; number += 1) {
    const { promise, resolve } = Promise.withResolvers<void>();
    onHandled = resolve;
    const startedAt = performance.now();
    await send(number);
    await promise;
    if (number >= warmUp) times.push(performance.now() - startedAt - (performance.now() - handledAt));
    await after(2);
  }
  return { figures: { ...percentiles(times), messages: warmUp + messages } };
}

let onHandled = (): void => {};
let handledAt = 0;

/** To be called first thing by whoever handles. */
export function handled(): void {
  handledAt = performance.now();
  onHandled();
}
