import { describe, expect, test } from "vitest";
import type { Source } from "../../../src/driver/contract.ts";
import { Fixture } from "../receive/fixture.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { connect, driverOf, SECOND, traits, watch } from "../support.ts";

/** Applies a change to every source that the driver opens. */
function withSource(fixture: Fixture, change: (source: Source, queue: string) => void): void {
  const open = fixture.driver.open.bind(fixture.driver);
  fixture.driver.open = (queue, options) => {
    const source = open(queue, options);
    change(source, queue);
    return source;
  };
}

describe("a driver that breaks its contract", () => {
  test("fails a send with send_unknown if it returns no result for the message", async () => {
    const fixture = new Fixture();
    fixture.driver.send = () => Promise.resolve(undefined as never);
    const sent = watch(fixture.queue.send("jobs", { type: "mail", payload: {} }));
    await fixture.clock.advance(30 * SECOND);

    expect(sent.error).toMatchObject({ code: "send_unknown", queue: "jobs" });
  });

  test("has a settlement repeated until the lease ends, and then reported, if it returns no result", async () => {
    const fixture = new Fixture();
    let settlements = 0;
    withSource(fixture, (source) => {
      source.settle = () => {
        settlements += 1;
        return Promise.resolve(undefined as never);
      };
    });
    await fixture.send("mail");
    fixture.receive(() => Promise.resolve());
    await fixture.clock.advance(29 * SECOND);
    expect(settlements).toBeGreaterThan(1);

    await fixture.clock.advance(SECOND);
    expect(fixture.events.of("settle_failed")).toMatchObject([{ operation: "ack", kind: "ambiguous" }]);
  });

  test("loses no job in a drain if its stop and close throw", async () => {
    const fixture = new Fixture();
    const broken = (): never => {
      throw new Error("broken");
    };
    withSource(fixture, (source) => {
      source.stop = broken;
      source.close = broken;
    });
    await fixture.send("mail");
    const receiving = fixture.receive(() => new Promise(() => {}), { drainMs: SECOND, graceMs: SECOND });
    await fixture.clock.settle();
    fixture.stop.abort();
    await fixture.clock.advance(2 * SECOND);

    expect(receiving.error).toMatchObject({ code: "drain_incomplete" });
    expect(fixture.events.of("warning")).toMatchObject([{ code: "internal" }, { code: "close_failed" }]);
    expect(await fixture.counts()).toEqual([1, 0, 0, 0]);
  });

  test("leaves no timer behind if its open throws", async () => {
    const fixture = new Fixture({ emulate: "sqs" });
    withSource(fixture, (_, queue) => {
      if (queue === "jobs") throw new Error("broken");
    });
    const receiving = fixture.receive(() => Promise.resolve());
    await fixture.clock.settle();

    expect(receiving.error).toMatchObject({ message: "broken" });
    expect(fixture.clock.pending).toBe(0);
  });
});

test("the traits of 10,000 queues are cached, and those of the oldest are requested again", async () => {
  const described: string[] = [];
  const driver = driverOf({
    describe: (queue) => {
      described.push(queue);
      return Promise.resolve(traits);
    },
  });
  const connection = connect(driver, new FakeClock());
  for (let index = 0; index <= 10_000; index += 1) {
    await connection.traits(`queue-${index}`);
    if (index === 5_000) await new Promise((resolve) => setImmediate(resolve));
  }
  await new Promise((resolve) => setImmediate(resolve));
  expect(connection.knownTraits("queue-0")).toBeUndefined();
  expect(connection.knownTraits("queue-10000")).toBeDefined();
  await connection.traits("queue-1");
  await connection.traits("queue-10000");
  expect(described).toHaveLength(10_001);
  await connection.traits("queue-0");
  expect(described).toHaveLength(10_002);
});
