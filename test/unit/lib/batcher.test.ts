import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Batcher, type BatcherOptions } from "../../../src/lib/batcher.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { times } from "../support.ts";

/** A batcher whose calls end when the test says so. */
class Bench {
  readonly clock = new FakeClock();
  readonly calls: number[][] = [];
  readonly #ends: (() => void)[] = [];
  readonly batcher: Batcher<number>;
  mostAtOnce = 0;
  #atOnce = 0;

  constructor(options: Partial<BatcherOptions<number>> = {}) {
    this.batcher = new Batcher({
      maxItems: 3,
      maxBytes: 1_000,
      maxCalls: 2,
      bytesOf: (item) => item,
      clock: this.clock,
      run: (items) => {
        this.calls.push(items);
        this.#atOnce += 1;
        this.mostAtOnce = Math.max(this.mostAtOnce, this.#atOnce);
        return new Promise((resolve) => {
          this.#ends.push(() => {
            this.#atOnce -= 1;
            resolve();
          });
        });
      },
      ...options,
    });
  }

  async add(...items: number[]): Promise<void> {
    for (const item of items) this.batcher.add(item);
    await this.clock.settle();
  }

  /** Ends the oldest call that is in flight. */
  async end(): Promise<boolean> {
    const end = this.#ends.shift();
    end?.();
    await this.clock.settle();
    return end !== undefined;
  }
}

describe("items", () => {
  test("that one tick adds travel together", async () => {
    const bench = new Bench();
    await bench.add(1, 2);
    expect(bench.calls).toEqual([[1, 2]]);
  });

  test("of promise callbacks of the same tick do too", async () => {
    const bench = new Bench();
    bench.batcher.add(1);
    await Promise.resolve();
    bench.batcher.add(2);
    await bench.clock.settle();
    expect(bench.calls).toEqual([[1, 2]]);
  });

  test("gather while a call is in flight, and go when it returns", async () => {
    const bench = new Bench();
    await bench.add(1);
    await bench.add(2);
    await bench.add(3);
    expect(bench.calls).toEqual([[1]]);
    await bench.end();
    expect(bench.calls).toEqual([[1], [2, 3]]);
  });

  test("that fill a call do not wait for the one in flight, but for the limit of calls", async () => {
    const bench = new Bench();
    await bench.add(1);
    await bench.add(2, 3, 4);
    expect(bench.calls).toEqual([[1], [2, 3, 4]]);
    await bench.add(5, 6, 7);
    expect(bench.calls).toHaveLength(2);
    await bench.end();
    expect(bench.calls).toEqual([[1], [2, 3, 4], [5, 6, 7]]);
  });

  test("that share no request do not gather: each tick's go by themselves, up to the limit of calls", async () => {
    const bench = new Bench({ gathers: false });
    await bench.add(1);
    await bench.add(2, 3);
    await bench.add(4);
    expect(bench.calls).toEqual([[1], [2, 3]]);
    await bench.end();
    expect(bench.calls).toEqual([[1], [2, 3], [4]]);
  });

  test("that are larger than a call go alone", async () => {
    const bench = new Bench();
    await bench.add(10, 5_000, 20);
    expect(bench.calls).toEqual([[10], [5_000]]);
    await bench.end();
    await bench.end();
    expect(bench.calls).toEqual([[10], [5_000], [20]]);
  });

  test("linger for company where that saves a request, but not a call's worth of them", async () => {
    const bench = new Bench({ lingerMs: () => 5 });
    await bench.add(1);
    await bench.clock.advance(4);
    await bench.add(2);
    expect(bench.calls).toEqual([]);
    await bench.clock.advance(1);
    expect(bench.calls).toEqual([[1, 2]]);
    await bench.end();
    await bench.add(3, 4, 5);
    expect(bench.calls).toEqual([
      [1, 2],
      [3, 4, 5],
    ]);
    expect(bench.clock.pending).toBe(0);
  });
});

describe("a call that does not come back", () => {
  test("is not waited for, as long as another one may be made", async () => {
    const bench = new Bench();
    await bench.add(1);
    await bench.add(2);
    await bench.clock.advance(249);
    expect(bench.calls).toEqual([[1]]);
    await bench.clock.advance(1);
    expect(bench.calls).toEqual([[1], [2]]);
    await bench.add(3);
    await bench.clock.advance(10_000);
    expect(bench.calls).toEqual([[1], [2]]);
    await bench.end();
    await bench.clock.advance(250);
    expect(bench.calls).toEqual([[1], [2], [3]]);
  });

  test("is waited for where there may be one only", async () => {
    const bench = new Bench({ maxCalls: 1 });
    await bench.add(1);
    await bench.add(2);
    await bench.clock.advance(10_000);
    expect(bench.calls).toEqual([[1]]);
  });
});

describe("flush", () => {
  test("of nothing is at once", async () => {
    const { batcher } = new Bench();
    expect(batcher.idle).toBe(true);
    await batcher.flush();
  });

  test("resolves after the last call has returned, and does not linger", async () => {
    const bench = new Bench({ lingerMs: () => 1_000 });
    let flushed = 0;
    bench.batcher.add(1);
    void bench.batcher.flush().then(() => (flushed += 1));
    void bench.batcher.flush().then(() => (flushed += 1));
    await bench.clock.settle();
    expect(bench.calls).toEqual([[1]]);
    await bench.add(2);
    await bench.end();
    expect(flushed).toBe(0);
    await bench.end();
    expect(flushed).toBe(2);
    expect(bench.batcher.idle).toBe(true);
  });
});

test("whatever is added, and however calls end: no call exceeds a limit, every item goes once, in order", async () => {
  const step = fc.oneof(
    fc.record({ add: fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 12 }) }),
    fc.record({ end: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ wait: fc.integer({ min: 0, max: 9 }) }),
  );
  const limits = fc.record({
    maxItems: fc.integer({ min: 1, max: 6 }),
    maxBytes: fc.integer({ min: 1, max: 60 }),
    maxCalls: fc.integer({ min: 1, max: 4 }),
    lingerMs: fc.constantFrom(
      () => 0,
      () => 5,
    ),
  });
  await fc.assert(
    fc.asyncProperty(limits, fc.array(step, { maxLength: 30 }), async (given, steps) => {
      const bench = new Bench(given);
      const added: number[] = [];
      for (const one of steps) {
        if ("add" in one) {
          added.push(...one.add);
          await bench.add(...one.add);
        } else if ("wait" in one) await bench.clock.advance(one.wait);
        else for (const _ of times(one.end, () => 0)) await bench.end();
      }
      const flushed = bench.batcher.flush();
      await bench.clock.settle();
      while (await bench.end());
      await flushed;
      expect(bench.calls.flat()).toEqual(added);
      expect(bench.mostAtOnce).toBeLessThanOrEqual(given.maxCalls);
      const broken = bench.calls.filter(
        (call) =>
          call.length === 0 ||
          call.length > given.maxItems ||
          (call.length > 1 && call.reduce((sum, item) => sum + item, 0) > given.maxBytes),
      );
      expect(broken).toEqual([]);
      expect(bench.clock.pending).toBe(0);
    }),
    { numRuns: 150 },
  );
});
