/** The place of an item in a {@link Chain}. Written by the chain only. */
export class Link<Item> {
  readonly item: Item;
  chain: Chain<Item> | undefined = undefined;
  before: Link<Item> | undefined = undefined;
  after: Link<Item> | undefined = undefined;

  constructor(item: Item) {
    this.item = item;
  }
}

/**
 * Items in the order in which they were appended last. An item moves and leaves in constant time. A `Map` is not used, since
 * it is slow to find its first key after many of the first were deleted.
 */
export class Chain<Item> {
  first: Link<Item> | undefined = undefined;
  last: Link<Item> | undefined = undefined;
  size = 0;

  /** Appends an item, also if it is in the chain already. */
  append(link: Link<Item>): void {
    this.remove(link);
    link.chain = this;
    link.before = this.last;
    if (this.last === undefined) this.first = link;
    else this.last.after = link;
    this.last = link;
    this.size += 1;
  }

  /** Removes an item. Does nothing if it is not in this chain. */
  remove(link: Link<Item>): void {
    if (link.chain !== this) return;
    const { before, after } = link;
    if (before === undefined) this.first = after;
    else before.after = after;
    if (after === undefined) this.last = before;
    else after.before = before;
    link.chain = link.before = link.after = undefined;
    this.size -= 1;
  }

  /** All items, the first one first. */
  all(): Item[] {
    const items: Item[] = [];
    for (let link = this.first; link !== undefined; link = link.after) items.push(link.item);
    return items;
  }
}
