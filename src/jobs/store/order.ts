/** Holes up to which nothing is moved. */
const FEW_HOLES = 1_024;

/**
 * Items in the order in which they were appended last. An item knows its place, so it moves and leaves in constant time. A
 * `Map` is not used, since it is slow to find its first key after many of the first were deleted; nor are links between the
 * items, which are two more objects an item.
 */
export class Order<Item> {
  /** Undefined where an item has left. */
  readonly #items: (Item | undefined)[] = [];
  #head = 0;
  #size = 0;
  readonly #place: (item: Item, at: number) => void;

  /** @param place notes the place of an item: when it is appended, and when it is moved */
  constructor(place: (item: Item, at: number) => void) {
    this.#place = place;
  }

  get size(): number {
    return this.#size;
  }

  get first(): Item | undefined {
    while (this.#head < this.#items.length && this.#items[this.#head] === undefined) this.#head += 1;
    return this.#items[this.#head];
  }

  /** Appends an item that is not in this order. */
  append(item: Item): void {
    const holes = this.#items.length - this.#size;
    if (holes > FEW_HOLES && holes > this.#size) this.#close();
    this.#place(item, this.#items.length);
    this.#items.push(item);
    this.#size += 1;
  }

  /** Removes the item at a place. The caller notes that it has none. */
  remove(at: number): void {
    this.#items[at] = undefined;
    this.#size -= 1;
  }

  /** All items, the first one first. */
  all(): Item[] {
    return this.#items.filter((item) => item !== undefined);
  }

  /**
   * Some items, from the first one for which `isAfter` holds. It holds for every item behind that one.
   */
  from(isAfter: (item: Item) => boolean, limit: number): Item[] {
    const found: Item[] = [];
    for (let at = this.#search(isAfter); at < this.#items.length && found.length < limit; at += 1) {
      const item = this.#items[at];
      if (item !== undefined) found.push(item);
    }
    return found;
  }

  /** The place of the first item for which `isAfter` holds, or of a hole before it. */
  #search(isAfter: (item: Item) => boolean): number {
    let [low, high] = [this.#head, this.#items.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      let at = middle;
      while (at < high && this.#items[at] === undefined) at += 1;
      const item = at < high ? this.#items[at] : undefined;
      if (item === undefined || isAfter(item)) high = middle;
      else low = at + 1;
    }
    return low;
  }

  /** Moves the items together, in place: an array that is left behind would keep them alive through their collections. */
  #close(): void {
    const items = this.#items;
    let at = 0;
    for (let from = this.#head; from < items.length; from += 1) {
      const item = items[from];
      if (item === undefined) continue;
      items[at] = item;
      this.#place(item, at);
      at += 1;
    }
    items.length = at;
    this.#head = 0;
  }
}
