/** An item's place on a {@link InFlightSet}, by which it is taken off again. */
export interface Member<Item> {
  readonly item: Item;
  /** The roster's own; -1 once the item is off it. */
  index: number;
}

/**
 * Those that are in hand, while they come and go by the thousand; in no order. A `Set` would do, but for the garbage
 * collector: a set that outgrows its table leaves it behind, with a reference to the next one and to all that was
 * listed at the time. Old tables form a chain by which most of what was ever listed survives its first collections,
 * as if it were in use still; and that costs more than all else that is done with a message.
 */
export class InFlightSet<Item> {
  readonly #places: Member<Item>[] = [];

  get size(): number {
    return this.#places.length;
  }

  add(item: Item): Member<Item> {
    const place = { item, index: this.#places.length };
    this.#places.push(place);
    return place;
  }

  /** False where it was off the roster already, or is another roster's. */
  remove(place: Member<Item>): boolean {
    if (place.index < 0 || this.#places[place.index] !== place) return false;
    const last = this.#places.pop() as Member<Item>;
    if (last !== place) {
      this.#places[place.index] = last;
      last.index = place.index;
    }
    place.index = -1;
    return true;
  }

  /** Those that are on it now; what follows does not change the list. */
  all(): Item[] {
    return this.#places.map(({ item }) => item);
  }

  clear(): void {
    for (const place of this.#places) place.index = -1;
    this.#places.length = 0;
  }
}
