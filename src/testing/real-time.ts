/** Real milliseconds that are given at a time to what does not wait for the clock. */
export const REAL_MS = 2;

export function realTime(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, REAL_MS));
}
