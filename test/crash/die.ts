/** Kills this process. Does not return. */
export function die(): void {
  process.kill(process.pid, "SIGKILL");
  // The signal arrives asynchronously. Blocking here keeps the process from taking another step.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}
