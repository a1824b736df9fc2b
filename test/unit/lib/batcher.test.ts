import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Batcher, type BatcherOptions } from "../../../src/lib/batcher.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { times } from "../support.ts";

/** A batcher whose calls end only when the test ends them. */
class Fixture {
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

  /** Ends the oldest call in flight. Resolves to whether there was one. */
  async end(): Promise<boolean> {
    const end = this.#ends.shift();
    end?.();
    await this.clock.settle();
    return end !== undefined;
  }
}

describe("items that are added to a batcher", () => {
  test("share a call if they are added in the same tick", async () => {
    const fixture = new Fixture();
    await fixture.add(1, 2);

    expect(fixture.calls).toEqual([[1, 2]]);
  });

  test("share a call if promise callbacks of the same tick add them", async () => {
    const fixture = new Fixture();
    fixture.batcher.add(1);
    await Promise.resolve();
    fixture.batcher.add(2);
    await fixture.clock.settle();

    expect(fixture.calls).toEqual([[1, 2]]);
  });

  test("are collected while a call is in flight, and are sent when it returns", async () => {
    const fixture = new Fixture();
    await fixture.add(1);
    await fixture.add(2);
    await fixture.add(3);
    expect(fixture.calls).toEqual([[1]]);

    await fixture.end();
    expect(fixture.calls).toEqual([[1], [2, 3]]);
  });

  test("are sent without waiting for the call in flight if they fill a call, up to the limit of calls", async () => {
    const fixture = new Fixture();
    await fixture.add(1);
    await fixture.add(2, 3, 4);
    expect(fixture.calls).toEqual([[1], [2, 3, 4]]);

    await fixture.add(5, 6, 7);
    expect(fixture.calls).toHaveLength(2);

    await fixture.end();
    expect(fixture.calls).toEqual([[1], [2, 3, 4], [5, 6, 7]]);
  });

  test("are sent in one call per tick if they are not to be collected, up to the limit of calls", async () => {
    const fixture = new Fixture({ gathers: false });
    await fixture.add(1);
    await fixture.add(2, 3);
    await fixture.add(4);
    expect(fixture.calls).toEqual([[1], [2, 3]]);

    await fixture.end();
    expect(fixture.calls).toEqual([[1], [2, 3], [4]]);
  });

  test("are sent alone if they exceed the size of a call", async () => {
    const fixture = new Fixture();
    await fixture.add(10, 5_000, 20);
    expect(fixture.calls).toEqual([[10], [5_000]]);

    await fixture.end();
    await fixture.end();
    expect(fixture.calls).toEqual([[10], [5_000], [20]]);
  });

  test("wait for the linger time so that others can join them, unless they fill a call", async () => {
    const fixture = new Fixture({ lingerMs: () => 5 });
    await fixture.add(1);
    await fixture.clock.advance(4);
    await fixture.add(2);
    expect(fixture.calls).toEqual([]);

    await fixture.clock.advance(1);
    expect(fixture.calls).toEqual([[1, 2]]);

    await fixture.end();
    await fixture.add(3, 4, 5);
    expect(fixture.calls).toEqual([
      [1, 2],
      [3, 4, 5],
    ]);
    expect(fixture.clock.pending).toBe(0);
  });
});

describe("a call that does not return", () => {
  test("delays the next call by 250 ms at most, as long as another call is allowed", async () => {
    const fixture = new Fixture();
    await fixture.add(1);
    await fixture.add(2);
    await fixture.clock.advance(249);
    expect(fixture.calls).toEqual([[1]]);

    await fixture.clock.advance(1);
    expect(fixture.calls).toEqual([[1], [2]]);

    await fixture.add(3);
    await fixture.clock.advance(10_000);
    expect(fixture.calls).toEqual([[1], [2]]);

    await fixture.end();
    await fixture.clock.advance(250);
    expect(fixture.calls).toEqual([[1], [2], [3]]);
  });

  test("blocks the next call if only one call is allowed at a time", async () => {
    const fixture = new Fixture({ maxCalls: 1 });
    await fixture.add(1);
    await fixture.add(2);
    await fixture.clock.advance(10_000);

    expect(fixture.calls).toEqual([[1]]);
  });
});

describe("flush", () => {
  test("resolves immediately if nothing was added", async () => {
    const { batcher } = new Fixture();
    expect(batcher.idle).toBe(true);

    await batcher.flush();
  });

  test("skips the linger time, and resolves after the last call has returned", async () => {
    const fixture = new Fixture({ lingerMs: () => 1_000 });
    let flushed = 0;
    fixture.batcher.add(1);
    void fixture.batcher.flush().then(() => (flushed += 1));
    void fixture.batcher.flush().then(() => (flushed += 1));
    await fixture.clock.settle();
    expect(fixture.calls).toEqual([[1]]);

    await fixture.add(2);
    await fixture.end();
    expect(flushed).toBe(0);

    await fixture.end();
    expect(flushed).toBe(2);
    expect(fixture.batcher.idle).toBe(true);
  });
});

test("every item is sent once and in order, and no call exceeds a limit, for any sequence of steps", async () => {
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
      const fixture = new Fixture(given);
      const added: number[] = [];
      for (const one of steps) {
        if ("add" in one) {
          added.push(...one.add);
          await fixture.add(...one.add);
        } else if ("wait" in one) await fixture.clock.advance(one.wait);
        else for (const _ of times(one.end, () => 0)) await fixture.end();
      }

      const flushed = fixture.batcher.flush();
      await fixture.clock.settle();
      while (await fixture.end());
      await flushed;

      expect(fixture.calls.flat()).toEqual(added);
      expect(fixture.mostAtOnce).toBeLessThanOrEqual(given.maxCalls);
      const broken = fixture.calls.filter(
        (call) =>
          call.length === 0 ||
          call.length > given.maxItems ||
          (call.length > 1 && call.reduce((sum, item) => sum + item, 0) > given.maxBytes),
      );
      expect(broken).toEqual([]);
      expect(fixture.clock.pending).toBe(0);
    }),
    { numRuns: 150 },
  );
});
