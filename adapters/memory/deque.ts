const SMALLEST = 16;

/** A first-in, first-out queue with operations of constant cost. Its memory is freed as it empties. */
export class Deque<Item> {
  /** A ring buffer. Its size is a power of two. */
  #ring: (Item | undefined)[] = Array.from({ length: SMALLEST });
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  peek(): Item | undefined {
    return this.#ring[this.#head];
  }

  push(item: Item): void {
    if (this.#length === this.#ring.length) this.#resize(this.#length * 2);
    this.#ring[(this.#head + this.#length) & (this.#ring.length - 1)] = item;
    this.#length += 1;
  }

  shift(): Item | undefined {
    if (this.#length === 0) return undefined;
    const item = this.#ring[this.#head];
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#length -= 1;
    if (this.#ring.length > SMALLEST && this.#length * 8 < this.#ring.length)
      this.#resize(this.#ring.length / 2);
    return item;
  }

  /** Removes the items that do not pass. The order of the others is kept. */
  keep(passes: (item: Item) => boolean): void {
    for (let left = this.#length; left > 0; left -= 1) {
      const item = this.shift() as Item;
      if (passes(item)) this.push(item);
    }
  }

  #resize(size: number): void {
    const ring: (Item | undefined)[] = Array.from({ length: size });
    for (let index = 0; index < this.#length; index += 1) {
      ring[index] = this.#ring[(this.#head + index) & (this.#ring.length - 1)];
    }
    this.#ring = ring;
    this.#head = 0;
  }
}
