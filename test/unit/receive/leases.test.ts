import { describe, expect, test, vi } from "vitest";
import { sleep } from "../../../src/lib/clock.ts";
import { DriverError } from "../../../src/driver/error.ts";
import type { ReceiveContext } from "../../../src/queue/receive.ts";
import { Door, type Outcome, SECOND, watch } from "../support.ts";
import { Fixture } from "./fixture.ts";

describe("a lease", () => {
  test("is refused if its extensions would come too late, and is kept if it is extended at half of its time", async () => {
    const fixture = new Fixture();
    const late = fixture.receive(() => Promise.resolve(), { leaseMs: 30_000, extendEveryMs: 25_000 });
    await fixture.clock.settle();
    expect(late.error).toMatchObject({ code: "invalid_options", queue: "jobs" });

    let runs = 0;
    const slow = (): Promise<void> => {
      runs += 1;
      return sleep(fixture.clock, 200 * SECOND);
    };
    fixture.receive(slow, { extendEveryMs: 15_000 });
    for (const type of ["a", "b", "c", "d"]) {
      await fixture.clock.advance(3_100);
      await fixture.send(type);
    }
    await fixture.clock.advance(400 * SECOND);
    expect(runs).toBe(4);
    expect(fixture.events.of("lease_lost")).toEqual([]);
  });

  test("is counted from the end of the poll, so that slow decoders do not delay its extension", async () => {
    let spentMs = 0;
    const slow = (): undefined => {
      spentMs += 20 * SECOND;
    };
    const fixture = new Fixture({ hooks: { decode: [slow] } });
    const { clock } = fixture;
    const [now, monotonic] = [clock.now(), clock.monotonic()];
    vi.spyOn(clock, "now").mockImplementation(() => now + elapsed() + spentMs);
    vi.spyOn(clock, "monotonic").mockImplementation(() => monotonic + elapsed() + spentMs);
    const elapsed = (): number => advancedMs;
    let advancedMs = 0;
    await fixture.send("mail");
    const door = new Door();
    fixture.receive(() => door.opened, { leaseMs: 30 * SECOND, extendEveryMs: 15 * SECOND });
    await clock.settle();
    advancedMs = 8 * SECOND;
    await clock.advance(8 * SECOND);

    expect(fixture.requests.filter(({ operation }) => operation === "settle")).toMatchObject([
      { operations: [{ kind: "extend" }] },
    ]);
    door.open();
    await clock.settle();
    expect(fixture.events.names).toEqual(["started", "completed"]);
  });

  test("is kept while the handler runs, so that the message runs once", async () => {
    const fixture = new Fixture();
    await fixture.send("mail");
    const door = new Door();
    fixture.receive(() => door.opened);
    await fixture.clock.advance(600 * SECOND);
    door.open();
    await fixture.clock.advance(60 * SECOND);

    expect(fixture.events.names).toEqual(["started", "completed"]);
  });

  test("is released only after its last extension was answered, since a late extension would hide the message", async () => {
    const fixture = new Fixture();
    await fixture.send("mail");
    const door = new Door();
    const kinds = (): string[] =>
      fixture.requests.flatMap((point) =>
        point.operation === "settle" ? point.operations.map(({ kind }) => kind) : [],
      );
    fixture.fault = (point) =>
      point.operation === "settle" && point.operations[0]?.kind === "extend"
        ? { kind: "stall", until: door.opened }
        : undefined;
    const extended: Outcome<void>[] = [];

    fixture.receive((_, { extend }) => {
      extended.push(watch(extend()), watch(extend()));
      return Promise.reject(new Error("no"));
    });
    await fixture.clock.settle();
    expect(kinds()).toEqual(["extend"]);

    door.open();
    await fixture.clock.settle();
    expect(kinds()).toEqual(["extend", "release"]);
    expect(extended.map(({ state }) => state)).toEqual(["resolved", "rejected"]);
    expect(extended[1]?.error).toMatchObject({ code: "lease_lost" });
  });

  test("aborts the signal when it is lost, and the message runs again", async () => {
    const fixture = new Fixture();
    await fixture.send("mail");
    fixture.fault = ({ operation }) =>
      operation === "settle" ? { kind: "error", error: new DriverError("transient", "away") } : undefined;
    const door = new Door();
    const contexts: ReceiveContext[] = [];
    fixture.receive((_, context) => {
      contexts.push(context);
      return contexts.length === 1 ? door.opened : Promise.resolve();
    });
    await fixture.clock.advance(40 * SECOND);
    expect(contexts[0]?.signal.reason).toMatchObject({ code: "lease_lost" });

    fixture.fault = () => undefined;
    await expect(contexts[0]?.extend()).rejects.toMatchObject({ code: "lease_lost", queue: "jobs" });

    door.open();
    await fixture.clock.advance(SECOND);
    expect(fixture.events.names).toContain("late");
    expect(contexts).toHaveLength(2);

    await fixture.clock.advance(60 * SECOND);
    expect(await fixture.counts()).toEqual([0, 0, 0, 0]);
  });

  test("does not block the retry of a failed run if its extension was never answered", async () => {
    const fixture = new Fixture();
    await fixture.send("mail");
    const never = new Door();
    fixture.fault = (point) =>
      point.operation === "settle" && point.operations.some(({ kind }) => kind === "extend")
        ? { kind: "stall", until: never.opened }
        : undefined;
    const door = new Door();
    fixture.receive(async (_, { attempt }) => {
      if (attempt > 1) return;
      await door.opened;
      throw new Error("no");
    });
    await fixture.clock.advance(11 * SECOND);
    door.open();
    await fixture.clock.advance(60 * SECOND);

    expect(fixture.events.names).toEqual(["started", "failed", "retrying", "started", "completed"]);
    expect(await fixture.counts()).toEqual([0, 0, 0, 0]);
  });
});
