/** An item of a {@link TimerHeap}. It belongs to one heap at a time. */
export interface Timed {
  /** Milliseconds of the monotonic clock. Changed only through the heap. */
  at: number;
  /** Index in the heap, -1 if it is in none. Written by the heap only. */
  heapIndex: number;
}

/**
 * A binary heap of items by their moment, the earliest first. Each item knows its index, so that it can be removed at once:
 * the size is always the true count, and no stale items accumulate.
 */
export class TimerHeap<Item extends Timed> {
  readonly #items: Item[] = [];

  get size(): number {
    return this.#items.length;
  }

  peek(): Item | undefined {
    return this.#items[0];
  }

  push(item: Item): void {
    this.#items.push(item);
    this.#rise(item, this.#items.length - 1);
  }

  /** Removes and returns the earliest item if it is due at `now`. */
  popDue(now: number): Item | undefined {
    const first = this.#items[0];
    if (first === undefined || first.at > now) return undefined;
    this.remove(first);
    return first;
  }

  remove(item: Item): void {
    const last = this.#items.pop() as Item;
    if (last !== item) this.#place(last, item.heapIndex);
    item.heapIndex = -1;
  }

  clear(): void {
    for (const item of this.#items) item.heapIndex = -1;
    this.#items.length = 0;
  }

  /** Moves an item to another moment. */
  move(item: Item, at: number): void {
    item.at = at;
    this.#place(item, item.heapIndex);
  }

  #place(item: Item, heapIndex: number): void {
    if (this.#rise(item, heapIndex) === heapIndex) this.#sink(item, heapIndex);
  }

  #rise(item: Item, from: number): number {
    const items = this.#items;
    let heapIndex = from;
    while (heapIndex > 0) {
      const parent = (heapIndex - 1) >> 1;
      const above = items[parent] as Item;
      if (above.at <= item.at) break;
      items[heapIndex] = above;
      above.heapIndex = heapIndex;
      heapIndex = parent;
    }
    items[heapIndex] = item;
    item.heapIndex = heapIndex;
    return heapIndex;
  }

  #sink(item: Item, from: number): void {
    const items = this.#items;
    const size = items.length;
    let heapIndex = from;
    for (let child = heapIndex * 2 + 1; child < size; child = heapIndex * 2 + 1) {
      if (child + 1 < size && (items[child + 1] as Item).at < (items[child] as Item).at) child += 1;
      const below = items[child] as Item;
      if (below.at >= item.at) break;
      items[heapIndex] = below;
      below.heapIndex = heapIndex;
      heapIndex = child;
    }
    items[heapIndex] = item;
    item.heapIndex = heapIndex;
  }
}
