import { describe, expect, test } from "vitest";
import type { Source } from "../../../src/driver/contract.ts";
import { Fixture } from "../receive/fixture.ts";
import { SECOND, watch } from "../support.ts";

/** Changes the sources that the driver opens. */
function withSource(bench: Fixture, change: (source: Source, queue: string) => void): void {
  const open = bench.driver.open.bind(bench.driver);
  bench.driver.open = (queue, options) => {
    const source = open(queue, options);
    change(source, queue);
    return source;
  };
}

describe("a driver that breaks its contract", () => {
  test("by no answer to a send leaves its outcome unknown", async () => {
    const bench = new Fixture();
    bench.driver.send = () => Promise.resolve(undefined as never);
    const sent = watch(bench.queue.send("jobs", { type: "mail", payload: {} }));
    await bench.clock.advance(30 * SECOND);
    expect(sent.error).toMatchObject({ code: "send_unknown", queue: "jobs" });
  });

  test("by no answer to a settlement has it made again until the lease ends, and then reported", async () => {
    const bench = new Fixture();
    let settlements = 0;
    withSource(bench, (source) => {
      source.settle = () => {
        settlements += 1;
        return Promise.resolve(undefined as never);
      };
    });
    await bench.send("mail");
    bench.receive(() => Promise.resolve());
    await bench.clock.advance(29 * SECOND);
    expect(settlements).toBeGreaterThan(1);
    await bench.clock.advance(SECOND);
    expect(bench.events.of("settle_failed")).toMatchObject([{ operation: "ack", kind: "ambiguous" }]);
  });

  test("when it stops or closes costs a drain none of its jobs", async () => {
    const bench = new Fixture();
    const broken = (): never => {
      throw new Error("broken");
    };
    withSource(bench, (source) => {
      source.stop = broken;
      source.close = broken;
    });
    await bench.send("mail");
    const receiving = bench.receive(() => new Promise(() => {}), { drainMs: SECOND, graceMs: SECOND });
    await bench.clock.settle();
    bench.stop.abort();
    await bench.clock.advance(2 * SECOND);
    expect(receiving.error).toMatchObject({ code: "drain_incomplete" });
    expect(bench.events.of("warning")).toMatchObject([{ code: "internal" }, { code: "close_failed" }]);
    expect(await bench.counts()).toEqual([1, 0, 0, 0]);
  });

  test("when it opens leaves nothing behind that goes on by itself", async () => {
    const bench = new Fixture({ emulate: "sqs" });
    withSource(bench, (_, queue) => {
      if (queue === "jobs") throw new Error("broken");
    });
    const receiving = bench.receive(() => Promise.resolve());
    await bench.clock.settle();
    expect(receiving.error).toMatchObject({ message: "broken" });
    expect(bench.clock.pending).toBe(0);
  });
});
