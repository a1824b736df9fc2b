/** An item's membership in an {@link InFlightSet}, by which it is removed. */
export interface Member<Item> {
  readonly item: Item;
  /** Written by the set only; -1 once the item was removed. */
  index: number;
}

/**
 * An unordered set of items that come and go in their thousands. A `Set` is not used because of the garbage collector: a `Set`
 * that outgrows its table leaves the table behind, with references to the next table and to every item in it. The old tables
 * form a chain through which most former items survive their first collections, which costs more than all other work on a
 * message.
 */
export class InFlightSet<Item> {
  readonly #members: Member<Item>[] = [];

  get size(): number {
    return this.#members.length;
  }

  add(item: Item): Member<Item> {
    const member = { item, index: this.#members.length };
    this.#members.push(member);
    return member;
  }

  /** Removes an item. False if it was removed before, or belongs to another set. */
  remove(member: Member<Item>): boolean {
    if (member.index < 0 || this.#members[member.index] !== member) return false;
    const last = this.#members.pop() as Member<Item>;
    if (last !== member) {
      this.#members[member.index] = last;
      last.index = member.index;
    }
    member.index = -1;
    return true;
  }

  /** A copy of the current items. */
  all(): Item[] {
    return this.#members.map(({ item }) => item);
  }

  clear(): void {
    for (const member of this.#members) member.index = -1;
    this.#members.length = 0;
  }
}
