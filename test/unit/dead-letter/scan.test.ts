import { expect, test } from "vitest";
import { Scan } from "../../../src/dead-letter/scan.ts";
import type { Operation } from "../../../src/driver/contract.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { connect, delivery, driverOf, sourceOf } from "../support.ts";

test("a message that is delivered twice is visited once, and released with its last receipt", async () => {
  const clock = new FakeClock();
  const polls = [
    [delivery({ brokerId: "a", receipt: 1 }), delivery({ brokerId: "b", receipt: 2 })],
    [delivery({ brokerId: "a", receipt: 3 })],
  ];
  const settled: Operation[] = [];
  const source = sourceOf({
    next: () => Promise.resolve(polls.shift() ?? []),
    settle: (operations) => {
      settled.push(...operations);
      return Promise.resolve(operations.map(() => ({ ok: true })));
    },
  });
  const counts = { approximate: false, asOf: 0 };
  const stats = (): Promise<typeof counts & { ready: number }> =>
    Promise.resolve({ ...counts, ready: polls.length });
  const scan = new Scan(connect(driverOf({ open: () => source, stats }), clock), "jobs-dlq");
  const visited: string[] = [];

  await scan.run(
    ({ brokerId }) => {
      visited.push(brokerId);
      return Promise.resolve("keep");
    },
    () => false,
  );

  expect(visited).toEqual(["a", "b"]);
  expect(settled.map(({ kind, delivery: { receipt } }) => [kind, receipt])).toEqual([
    ["release", 3],
    ["release", 2],
  ]);
});
