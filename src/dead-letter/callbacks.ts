/**
 * Calls the user's callbacks in the middle of a scan. What one throws must not keep a message from its verdict: it ends
 * the scan after the messages at hand, and then goes to whoever gave the callback, as it is.
 */
export class Callbacks {
  #thrown: { readonly error: unknown } | undefined;

  get failed(): boolean {
    return this.#thrown !== undefined;
  }

  call(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      this.#thrown ??= { error };
    }
  }

  rethrow(): void {
    if (this.#thrown !== undefined) throw this.#thrown.error;
  }
}
