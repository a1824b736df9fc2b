import { expect, test } from "vitest";
import { leaseEnd } from "../../../src/transport/leased.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { HOUR } from "../support.ts";

test("a lease ends when its driver states, and at most as long from now as it was asked for", () => {
  const clock = new FakeClock();
  const leftMs = (statedAt: number): number => leaseEnd(clock, statedAt, 30_000) - clock.monotonic();
  const stated = clock.now() + 20_000;
  expect(leftMs(stated)).toBe(20_000);
  expect(leftMs(clock.now() - 5)).toBe(-5);
  clock.setTime(clock.now() - HOUR);
  expect(leftMs(stated)).toBe(30_000);
});
