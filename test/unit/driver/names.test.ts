import { describe, expect, test } from "vitest";
import {
  NameClaims,
  ownerQueue,
  reservedNameProblem,
  siblingQueue,
  siblingSuffixes,
  UsedQueues,
} from "../../../src/driver/names.ts";

test.each(siblingSuffixes)("the name of a sibling with %s leads back to its owner", (suffix) => {
  for (const owner of ["orders", "orders.fifo"])
    expect(ownerQueue(siblingQueue(owner, suffix), suffix)).toBe(owner);
  expect(siblingQueue("orders.fifo", suffix)).toBe(`orders${suffix}.fifo`);
  expect(ownerQueue("orders", suffix)).toBeUndefined();
});

describe("the queues that a connection uses", () => {
  const refused = (code: string, ...parts: string[]): unknown =>
    expect.objectContaining({ code, message: expect.stringMatching(parts.join(".*")) as string });

  test.each(siblingSuffixes)("do not include a queue and its sibling with %s, in either order", (suffix) => {
    for (const names of [
      ["orders", `orders${suffix}`],
      [`orders${suffix}`, "orders"],
    ] as const) {
      const used = new UsedQueues();
      used.use(names[0]);
      expect(() => used.use(names[1])).toThrow(refused("invalid_options", `"orders${suffix}"`, '"orders"'));
      // The name that was refused is not used.
      used.use(names[0]);
    }
  });

  test("include one that ends as a sibling does, if there is no owner", () => {
    const used = new UsedQueues();
    for (const name of ["orders-high", "orders-low", "mail-dlq", "orders-high"]) used.use(name);
    expect(() => used.use("mail")).toThrow(
      refused("invalid_options", '"mail-dlq" is the dead-letter queue of "mail"'),
    );
  });

  test("include a sibling after its owner was removed", () => {
    const used = new UsedQueues();
    used.use("orders");
    used.forget("orders");
    expect(() => used.use("orders-delay")).not.toThrow();
  });
});

test("a list of names is refused if one is reserved for another", () => {
  expect(reservedNameProblem(["a", "b-delay", "b"])).toContain('"b-delay" is the delay queue of "b"');
  expect(reservedNameProblem(["a", "b-delay", "c-high", "a"])).toBeUndefined();
});

describe("the claims of a configuration", () => {
  const check = (queues: Readonly<Record<string, string>>) => () =>
    NameClaims.check("queue", Object.entries(queues));

  test("refuse a queue and its sibling by their logical names", () => {
    expect(check({ orders: "o", "orders-delay": "late" })).toThrow(
      'queues: "orders-delay" is the delay queue of "orders"',
    );
  });

  test.each(siblingSuffixes)(
    "refuse a physical name that is the sibling of another one with %s",
    (suffix) => {
      for (const queues of [
        { orders: "o", late: `o${suffix}` },
        { late: `o${suffix}`, orders: "o" },
      ])
        expect(check(queues)).toThrow(`both mean the queue o${suffix}`);
    },
  );

  test("accept names that only look alike", () => {
    expect(check({ orders: "o", high: "p-high", "x-dlq": "y" })).not.toThrow();
  });

  test("refuse a name at its first use if it is the sibling of one that was used", () => {
    const claims = new NameClaims("queue");
    claims.claim("orders", "prod-orders");
    claims.claim("orders-delay", "prod-orders-delay");
    expect(() => claims.claim("late", "prod-orders-delay")).toThrow('"orders-delay" and "late" both mean');
    expect(() => claims.claim("x", "prod-orders-dlq")).toThrow('"orders-dlq" and "x" both mean');
  });
});
