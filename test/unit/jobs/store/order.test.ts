import { describe, expect, test } from "vitest";
import { Order } from "../../../../src/jobs/store/order.ts";

interface Item {
  readonly name: number;
  at: number;
}

function orderOf(count: number): { readonly order: Order<Item>; readonly items: Item[] } {
  const order = new Order<Item>((item, at) => (item.at = at));
  const items = Array.from({ length: count }, (_, name) => ({ name, at: -1 }));
  for (const item of items) order.append(item);
  return { order, items };
}

const names = (items: readonly Item[]): number[] => items.map(({ name }) => name);

describe("an order of items", () => {
  test("An item that leaves and comes back is the last one.", () => {
    const { order, items } = orderOf(4);
    const [, one] = items as [Item, Item];
    order.remove(one.at);
    order.append(one);
    expect(names(order.all())).toEqual([0, 2, 3, 1]);
    expect(order.size).toBe(4);
  });

  test("The first item is the one behind those that have left.", () => {
    const { order, items } = orderOf(4);
    for (const item of items.slice(0, 3)) order.remove(item.at);
    expect(order.first?.name).toBe(3);
    order.remove((items[3] as Item).at);
    expect(order.first).toBeUndefined();
    expect(order.size).toBe(0);
  });

  test("A page begins behind its cursor, however many items have left between them.", () => {
    const { order, items } = orderOf(100);
    for (const item of items) if (item.name > 10 && item.name < 90 && item.name !== 50) order.remove(item.at);
    expect(names(order.from(({ name }) => name > 9, 4))).toEqual([10, 50, 90, 91]);
    expect(names(order.from(({ name }) => name > 50, 2))).toEqual([90, 91]);
    expect(names(order.from(({ name }) => name > 98, 2))).toEqual([99]);
    expect(order.from(({ name }) => name > 99, 2)).toEqual([]);
  });

  test("Items keep their order and their places when they move together.", () => {
    const { order, items } = orderOf(10);
    // Each item but the first moves to the end a thousand times: more holes than an order keeps.
    for (let round = 0; round < 1_000; round += 1) {
      for (const item of items.slice(1)) {
        order.remove(item.at);
        order.append(item);
      }
    }
    expect(names(order.all())).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(Math.max(...items.map(({ at }) => at))).toBeLessThan(2_000);
    order.remove((items[0] as Item).at);
    expect(order.first?.name).toBe(1);
  });
});
