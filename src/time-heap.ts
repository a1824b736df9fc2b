/** What a {@link TimeHeap} orders. It belongs to one heap at a time. */
export interface Timed {
  /** Epoch milliseconds. Changed only through the heap. */
  at: number;
  /** Where it stands in its heap, -1 where it is in none; the heap's own. */
  slot: number;
}

/**
 * Items by their moment, the earliest first. Each knows its slot, so that one that is settled leaves at once:
 * the size is always the true count, and nothing stale piles up.
 */
export class TimeHeap<Item extends Timed> {
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

  /** Takes out the earliest, where it is due at `now`. */
  popDue(now: number): Item | undefined {
    const first = this.#items[0];
    if (first === undefined || first.at > now) return undefined;
    this.remove(first);
    return first;
  }

  remove(item: Item): void {
    const last = this.#items.pop() as Item;
    if (last !== item) this.#place(last, item.slot);
    item.slot = -1;
  }

  clear(): void {
    for (const item of this.#items) item.slot = -1;
    this.#items.length = 0;
  }

  /** Moves an item to another moment. */
  move(item: Item, at: number): void {
    item.at = at;
    this.#place(item, item.slot);
  }

  #place(item: Item, slot: number): void {
    if (this.#rise(item, slot) === slot) this.#sink(item, slot);
  }

  #rise(item: Item, from: number): number {
    const items = this.#items;
    let slot = from;
    while (slot > 0) {
      const parent = (slot - 1) >> 1;
      const above = items[parent] as Item;
      if (above.at <= item.at) break;
      items[slot] = above;
      above.slot = slot;
      slot = parent;
    }
    items[slot] = item;
    item.slot = slot;
    return slot;
  }

  #sink(item: Item, from: number): void {
    const items = this.#items;
    const size = items.length;
    let slot = from;
    for (let child = slot * 2 + 1; child < size; child = slot * 2 + 1) {
      if (child + 1 < size && (items[child + 1] as Item).at < (items[child] as Item).at) child += 1;
      const below = items[child] as Item;
      if (below.at >= item.at) break;
      items[slot] = below;
      below.slot = slot;
      slot = child;
    }
    items[slot] = item;
    item.slot = slot;
  }
}
