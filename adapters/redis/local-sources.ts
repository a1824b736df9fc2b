import type { WakingSource } from "../../src/driver/index.ts";

/**
 * The sources of one driver. A send wakes those of its queue at once: their claim follows it on the same connection, and does
 * not wait for the notification.
 */
export class LocalSources {
  readonly #sources = new Map<string, Set<WakingSource>>();

  add(queue: string, source: WakingSource): void {
    const sources = this.#sources.get(queue) ?? new Set();
    this.#sources.set(queue, sources.add(source));
  }

  remove(queue: string, source: WakingSource): void {
    const sources = this.#sources.get(queue);
    sources?.delete(source);
    if (sources?.size === 0) this.#sources.delete(queue);
  }

  wake(queue: string): void {
    for (const source of this.#sources.get(queue) ?? []) source.wake();
  }
}
