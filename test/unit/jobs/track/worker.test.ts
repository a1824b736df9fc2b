import { describe, expect, it } from "vitest";
import { untilAborted } from "../../../../src/lib/wait.ts";
import { runUntilIdle } from "../../../../src/testing/run-until-idle.ts";
import { VERSION } from "../../../../src/lib/version.ts";
import { Door, MINUTE } from "../../support.ts";
import { JobsFixture, SPACE } from "./fixture.ts";
import manifest from "../../../../package.json" with { type: "json" };

describe("a worker of jobs", () => {
  it("shows itself in the store for as long as it runs", async () => {
    const fixture = new JobsFixture({ concurrency: 7 });
    const door = new Door();
    fixture.worker.register("t", () => door.opened);
    await fixture.run();
    const id = await fixture.send();
    await fixture.clock.advance("10s");
    const [row, ...others] = await fixture.memory.workers(SPACE);
    expect(others).toEqual([]);
    expect(row).toMatchObject({
      id: fixture.worker.id,
      pid: process.pid,
      version: VERSION,
      queues: ["jobs"],
      types: ["t"],
      slots: 7,
      running: [id],
      runningCount: 1,
    });
    await fixture.clock.advance(10 * MINUTE);
    expect(await fixture.memory.workers(SPACE)).toHaveLength(1);
    door.open();
    await fixture.clock.until(fixture.worker.stop());
    expect(await fixture.memory.workers(SPACE)).toEqual([]);
    await fixture.clock.until(fixture.process.writer.close());
    expect(fixture.clock.pending).toBe(0);
  });

  it("reports the version of the package", () => {
    expect(VERSION).toBe(manifest.version);
  });

  it("has an id of its own, also beside others of its process", () => {
    const fixture = new JobsFixture();
    const other = fixture.start();
    expect(fixture.worker.id).toMatch(new RegExp(`.+-${process.pid}-\\d+$`));
    expect(other.worker.id).not.toBe(fixture.worker.id);
  });

  it("runs the work beside it until its drain begins, and waits for its end", async () => {
    const order: string[] = [];
    const fixture = new JobsFixture(
      {},
      {
        alongside: [
          async (signal) => {
            order.push("begun");
            await untilAborted(signal);
            order.push("ended");
          },
          () => Promise.reject(new Error("no")),
        ],
      },
    );
    fixture.worker.register("t", () => undefined);
    const working = await fixture.run();
    expect([order, working.state]).toEqual([["begun"], "pending"]);
    expect(fixture.process.warnings).toEqual(["alongside"]);
    await fixture.clock.until(fixture.worker.stop());
    expect(order).toEqual(["begun", "ended"]);
    expect(working.state).toBe("resolved");
  });

  it("can be run again after it was stopped", async () => {
    const fixture = new JobsFixture();
    let runs = 0;
    fixture.worker.register("t", () => void (runs += 1));
    for (const round of [1, 2]) {
      await fixture.run();
      await fixture.send();
      expect(runs).toBe(round);
      await fixture.clock.until(fixture.worker.stop());
    }
  });

  it("stops what start has started when its signal aborts", async () => {
    const fixture = new JobsFixture();
    fixture.worker.register("t", () => undefined);
    const stop = new AbortController();
    await fixture.worker.start("jobs", { signal: stop.signal });
    await fixture.clock.settle();
    expect(await fixture.memory.workers(SPACE)).toHaveLength(1);
    stop.abort();
    await fixture.clock.advance("30s");
    expect(await fixture.memory.workers(SPACE)).toEqual([]);
    expect(fixture.worker.health().state).toBe("stopped");
  });

  it("refuses options that are wrong, as a Worker does", () => {
    expect(() => new JobsFixture({ maxResultBytes: 300_000 })).toThrow(
      /maxResultBytes must be from 0 to 262144/,
    );
    expect(() => new JobsFixture({ concurency: 3 } as never)).toThrow(/did you mean concurrency/);
    const fixture = new JobsFixture();
    expect(() => fixture.worker.register("t", 3 as never)).toThrow(/needs a handler function/);
    fixture.worker.register("t", () => undefined);
    expect(() => fixture.worker.register("t", () => undefined)).toThrow(/registered already/);
  });

  it("goes on while its row cannot be written", async () => {
    const fixture = new JobsFixture();
    let runs = 0;
    fixture.worker.register("t", () => void (runs += 1));
    await fixture.run();
    fixture.isDown = true;
    await fixture.clock.advance("1m");
    await fixture.send();
    await fixture.clock.advance("10s");
    expect(runs).toBe(1);
    await fixture.clock.until(fixture.worker.stop());
    expect(fixture.process.warnings).toEqual(["store_down", "journal_waits"]);
  });

  it("is run by runUntilIdle until its queue is empty", async () => {
    const fixture = new JobsFixture();
    const attempts: number[] = [];
    fixture.worker.register("t", (_, { attempt }) => {
      attempts.push(attempt);
      if (attempt < 3) throw new Error("no");
    });
    const id = await fixture.send();
    await runUntilIdle(fixture.worker, "jobs", { clock: fixture.clock });
    expect(attempts).toEqual([1, 2, 3]);
    expect(await fixture.status(id)).toBe("completed");
  });

  it("ends within 3 s after its drain, also if the store hangs", async () => {
    const fixture = new JobsFixture();
    fixture.worker.register("t", () => undefined);
    await fixture.run();
    fixture.storeFault = () => "hang";
    await fixture.send();
    await fixture.clock.advance("10s");
    const stopped = fixture.clock.monotonic();
    await fixture.clock.until(fixture.worker.stop());
    // The drain itself waits for the last poll to return.
    expect(fixture.clock.monotonic() - stopped).toBeLessThanOrEqual(24_000);
  });

  it("records a job whose payload is no JSON, without its message", async () => {
    const circular: Record<string, unknown> = { n: 10n };
    circular["self"] = circular;
    const decoder = () => ({ type: "t", payload: circular, id: "x" });
    const fixture = new JobsFixture({}, {}, { hooks: { decode: [decoder] } });
    let seen: unknown;
    fixture.worker.register("t", ({ payload }) => {
      seen = payload;
    });
    await fixture.run();
    await fixture.plant("jobs", { body: "whatever" });
    await fixture.clock.settle();
    expect(seen).toBe(circular);
    const { rows } = await fixture.memory.list(SPACE, {}, { limit: 10, order: "newest" });
    expect(rows).toMatchObject([{ status: "completed", hasMessage: false }]);
  });

  it("does not track a message whose type has no handler here", async () => {
    const fixture = new JobsFixture();
    fixture.worker.register("other", () => undefined);
    await fixture.run();
    await fixture.send();
    expect(fixture.kinds).toEqual([]);
    await fixture.clock.advance("2h");
    // It has expired as an unknown type: the record says that it failed (H11).
    expect(fixture.kinds).toEqual(["end", "buried"]);
    const { rows } = await fixture.memory.list(SPACE, {}, { limit: 10, order: "newest" });
    expect(rows).toMatchObject([
      { status: "failed", deadLetterReason: "unknown_type", isBuried: true, runs: 0 },
    ]);
  });
});
