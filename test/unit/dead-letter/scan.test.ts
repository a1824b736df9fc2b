import { describe, expect, test } from "vitest";
import { Scan, type ScanDecision } from "../../../src/dead-letter/scan.ts";
import type { Delivery, Operation } from "../../../src/driver/contract.ts";
import { DriverError } from "../../../src/driver/error.ts";
import { type Clock, sleep } from "../../../src/lib/clock.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { connect, delivery, Door, driverOf, sourceOf, times, watch } from "../support.ts";

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

test("a message whose lease is being extended is released after the extension, which would hide it again", async () => {
  const clock = new FakeClock();
  const door = new Door();
  const polls = [[delivery({ brokerId: "a", leaseUntil: clock.now() + 300_000 })]];
  const settled: string[] = [];
  const source = sourceOf({
    next: () => Promise.resolve(polls.shift() ?? []),
    settle: async (operations) => {
      settled.push(...operations.map(({ kind }) => kind));
      if (operations.some(({ kind }) => kind === "extend")) await door.opened;
      return operations.map(() => ({ ok: true }));
    },
  });
  const scan = new Scan(connect(driverOf({ open: () => source }), clock), "jobs-dlq");
  const decide = async (): Promise<"keep"> => {
    await sleep(clock, 101_000);
    return "keep";
  };
  const run = watch(scan.run(decide, () => false));
  await clock.advance(105_000);
  const before = [...settled];
  door.open();
  await clock.advance(1_000);

  expect(before).toEqual(["extend"]);
  expect([run.state, settled]).toEqual(["resolved", ["extend", "release"]]);
});

test("a message whose removal was refused, and that is delivered again, is decided about once", async () => {
  const clock = new FakeClock();
  const polls = [[delivery({ brokerId: "a", receipt: 1 })], [delivery({ brokerId: "a", receipt: 2 })]];
  const settled: string[] = [];
  const lost = { ok: false, error: new DriverError("lease_lost", "gone") } as const;
  const source = sourceOf({
    next: () => Promise.resolve(polls.shift() ?? []),
    settle: async (operations) =>
      operations.map(({ kind, delivery: { receipt } }) => {
        settled.push(`${kind} ${String(receipt)}`);
        return kind === "ack" ? lost : { ok: true };
      }),
  });
  const scan = new Scan(connect(driverOf({ open: () => source }), clock), "jobs-dlq");
  const outcomes: string[] = [];
  const decide = (): Promise<ScanDecision> =>
    Promise.resolve({
      removed: () => outcomes.push("removed"),
      stayed: (error) => outcomes.push(`stayed: ${(error as Error).message}`),
    });
  const run = watch(scan.run(decide, () => false));
  await clock.advance(10_000);

  expect(run.state).toBe("resolved");
  expect(outcomes).toEqual(["stayed: its lease was lost before it was removed"]);
  expect(settled).toEqual(["ack 1", "release 2"]);
});

describe("a process that stands still", () => {
  /** Lets every poll take a second, of which the process stands still for as long as the next number says. */
  function standingStill(standstillsMs: readonly number[], arriving: readonly Delivery[][]) {
    const clock = new FakeClock();
    const [standstills, polls] = [[...standstillsMs], [...arriving]];
    let lateMs = 0;
    const late: Clock = {
      now: () => clock.now() + lateMs,
      monotonic: () => clock.monotonic() + lateMs,
      timer: (ms, run) => clock.timer(ms, run),
    };
    const source = sourceOf({
      next: async () => {
        const still = clock.timer(500, () => {
          lateMs += standstills.shift() ?? 0;
        });
        await sleep(clock, 1_000);
        still.cancel();
        return polls.shift() ?? [];
      },
    });
    const scan = new Scan(connect(driverOf({ open: () => source }), late), "jobs-dlq");
    const visited: string[] = [];
    const run = watch(
      scan.run(
        ({ brokerId }) => {
          visited.push(brokerId);
          return Promise.resolve("keep");
        },
        () => false,
      ),
    );
    return { clock, run, visited };
  }

  test("reads on after polls whose time passed meanwhile", async () => {
    const { clock, run, visited } = standingStill([2_500, 2_500], [[], [], [delivery({ brokerId: "a" })]]);
    await clock.advance(20_000);

    expect([run.state, visited]).toEqual(["resolved", ["a"]]);
  });

  test("ends at two polls of silence", async () => {
    const { clock, run, visited } = standingStill([], [[], [], [delivery({ brokerId: "a" })]]);
    await clock.advance(20_000);

    expect([run.state, visited]).toEqual(["resolved", []]);
  });

  test("fails if that does not end, instead of reporting an empty queue", async () => {
    const { clock, run } = standingStill(
      times(40, () => 2_500),
      [],
    );
    await clock.advance(60_000);

    expect(run.error).toMatchObject({ kind: "transient" });
  });
});
