/** Jobs of one queue in flight from which on no more of it are taken. */
const MOST = 100;
/** Jobs of one queue in flight at which more of it are taken again. */
const AGAIN = 50;

/**
 * The jobs that a dispatcher has taken and is sending, by queue. They are bounded for each queue, so that one whose
 * provider hangs holds up its own jobs only.
 */
export class InFlightByQueue {
  readonly #counts = new Map<string, number>();
  readonly #full = new Set<string>();
  readonly #onRoom: () => void;

  /** @param onRoom called when more jobs of a queue may be taken again */
  constructor(onRoom: () => void) {
    this.#onRoom = onRoom;
  }

  /** The queues of which no more jobs are to be taken. */
  get full(): readonly string[] {
    return [...this.#full];
  }

  /** Counts a job until `sending` has resolved, which never rejects. */
  add(queue: string, sending: Promise<void>): void {
    const count = (this.#counts.get(queue) ?? 0) + 1;
    this.#counts.set(queue, count);
    if (count >= MOST) this.#full.add(queue);
    void sending.then(() => this.#remove(queue));
  }

  #remove(queue: string): void {
    const count = (this.#counts.get(queue) ?? 0) - 1;
    if (count > 0) this.#counts.set(queue, count);
    else this.#counts.delete(queue);
    if (count <= AGAIN && this.#full.delete(queue)) this.#onRoom();
  }
}
