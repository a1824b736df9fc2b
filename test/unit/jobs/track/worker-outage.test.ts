import { describe, expect, it } from "vitest";
import * as z from "zod";
import { defineJob } from "../../../../src/worker/job.ts";
import { JobsFixture } from "./fixture.ts";

describe("while the store is down, a worker", () => {
  const WAIT = { whenStoreIsDown: "wait" } as const;

  it("receives nothing if all of its types wait, and goes on when the store is back (C12)", async () => {
    const fixture = new JobsFixture({}, WAIT);
    fixture.worker.register("t", () => "done");
    fixture.worker.register("u", () => "done");
    await fixture.run();
    await fixture.breakStore();
    const requests = fixture.requests.length;
    const ids = [await fixture.send(), await fixture.send({ type: "u" })];
    await fixture.clock.advance("10m");
    // The poll that was under way has received the first.
    const settled = fixture.requests.slice(requests).filter(({ operation }) => operation === "settle");
    expect(settled.length).toBeLessThanOrEqual(1);
    expect(fixture.worker.health()).toMatchObject({ state: "paused", live: true, ready: true });
    fixture.isDown = false;
    await fixture.clock.advance("15s");
    expect(await Promise.all(ids.map((id) => fixture.status(id)))).toEqual(["completed", "completed"]);
    expect(fixture.worker.health().state).toBe("running");
  });

  it("goes on if one of its types runs untracked, or is not tracked", async () => {
    const fixture = new JobsFixture({}, WAIT);
    let runs = 0;
    fixture.worker.register("t", () => "done");
    fixture.worker.register(
      defineJob({ type: "u", schema: z.unknown(), track: "off" }),
      () => void (runs += 1),
    );
    await fixture.run();
    await fixture.breakStore();
    const id = await fixture.send();
    await fixture.send({ type: "u" });
    expect(runs).toBe(1);
    expect(fixture.worker.health().state).toBe("running");
    fixture.isDown = false;
    await fixture.clock.advance("1m");
    expect(await fixture.status(id)).toBe("completed");
  });

  it("that starts receives nothing either, and stops as usual", async () => {
    const fixture = new JobsFixture({}, WAIT);
    await fixture.breakStore();
    fixture.worker.register("t", () => "done");
    const working = await fixture.run();
    await fixture.send();
    await fixture.clock.advance("1m");
    expect(fixture.events.of("released")).toEqual([]);
    const stopping = fixture.worker.stop();
    await fixture.clock.advance("10s");
    await stopping;
    expect(working.state).toBe("resolved");
    // The next start finds the store as it is then.
    fixture.isDown = false;
    await fixture.clock.advance("5s");
    await fixture.run();
    await fixture.clock.advance("1m");
    expect(fixture.events.of("completed")).toHaveLength(1);
  });

  it("stays paused by its application when the store is back", async () => {
    const fixture = new JobsFixture({}, WAIT);
    fixture.worker.register("t", () => "done");
    await fixture.run();
    fixture.worker.pause();
    await fixture.breakStore();
    const id = await fixture.send();
    fixture.isDown = false;
    await fixture.clock.advance("1m");
    expect(await fixture.status(id)).toBeUndefined();
    fixture.worker.resume();
    await fixture.clock.advance("1s");
    expect(await fixture.status(id)).toBe("completed");
  });
});
