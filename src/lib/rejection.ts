/**
 * Reports the rejection of what a callback of the user's has returned, if it is a promise. A listener may be an async
 * function, whose rejection would otherwise end the process.
 */
export function onRejection(returned: unknown, report: (error: unknown) => void): void {
  if (returned === undefined) return;
  // Resolved first, since the `then` of a thenable may throw.
  Promise.resolve(returned).then(undefined, report);
}

/**
 * Marks the rejection of a promise as handled, and returns the promise. User code that gets it may await it late or never,
 * which must not end the process.
 */
export function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
