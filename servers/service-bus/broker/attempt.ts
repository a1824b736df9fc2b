/** For what goes on where something cannot be written down: the disk may be full. */
export function attempt(work: () => void): void {
  try {
    work();
  } catch {
    // Memory is right all the same; what is on the disk is what was there before.
  }
}
