import { describe, expect, it } from "vitest";
import { isQueueError } from "../../../../src/errors.ts";
import { Door } from "../../support.ts";
import { EMPTY, JobsFixture } from "./fixture.ts";

describe("a cancellation", () => {
  it("before the job has begun is answered at its claim: the message is acknowledged without a run", async () => {
    const fixture = new JobsFixture();
    let runs = 0;
    fixture.worker.register("t", () => void (runs += 1));
    // The send is not recorded: the cancellation of an unknown job is kept for its claim (H33).
    await fixture.apply({ kind: "cancel", id: "j" });
    await fixture.run();
    await fixture.send({ id: "j" });
    expect(runs).toBe(0);
    expect(fixture.events.of("not_run")).toMatchObject([{ why: "cancelled" }]);
    expect((await fixture.job("j"))?.row).toMatchObject({ status: "cancelled", type: "t" });
    expect(await fixture.counts()).toEqual(EMPTY);
  });

  it("aborts the signal of the running handler at once, with a reason that says so", async () => {
    const fixture = new JobsFixture();
    let reason: unknown;
    const rest = new Door();
    fixture.worker.register("t", async (_, { signal }) => {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      reason = signal.reason;
      await rest.opened;
      throw new Error("stopped");
    });
    await fixture.run();
    const id = await fixture.send();
    await fixture.apply({ kind: "cancel", id, reason: "the user has left" });
    expect(reason).toMatchObject({
      code: "cancelled",
      message: expect.stringContaining("the user has left"),
    });
    expect(await fixture.status(id)).toBe("processing");
    rest.open();
    await fixture.clock.settle();
    expect((await fixture.job(id))?.row).toMatchObject({
      status: "cancelled",
      cancelReason: "the user has left",
    });
    expect(fixture.events.of("not_run")).toMatchObject([{ why: "cancelled" }]);
    expect(fixture.events.of("retrying")).toEqual([]);
    expect(await fixture.counts()).toEqual(EMPTY);
  });

  it("loses against a handler that returns: the job is completed", async () => {
    const fixture = new JobsFixture();
    const door = new Door();
    fixture.worker.register("t", () => door.opened);
    await fixture.run();
    const id = await fixture.send();
    await fixture.apply({ kind: "cancel", id });
    door.open();
    await fixture.clock.settle();
    const job = await fixture.job(id);
    expect(job?.row.status).toBe("completed");
    expect(job?.row.cancelRequestedAt).toBeDefined();
  });

  it("that no process has announced is found by the next touch of the run", async () => {
    const fixture = new JobsFixture();
    Object.assign(fixture.store, { listen: () => () => undefined });
    const reasons: unknown[] = [];
    fixture.worker.register("t", async (_, { signal }) => {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      reasons.push(isQueueError(signal.reason, "cancelled"));
      throw signal.reason;
    });
    await fixture.run();
    const id = await fixture.send();
    await fixture.apply({ kind: "cancel", id });
    expect(reasons).toEqual([]);
    await fixture.clock.advance("20s");
    expect(reasons).toEqual([true]);
    expect(await fixture.status(id)).toBe("cancelled");
  });

  it("is found within a second in a shared store that does not announce it", async () => {
    const fixture = new JobsFixture();
    Object.assign(fixture.store, {
      capabilities: { ...fixture.memory.capabilities, shared: true, pushMs: 0 },
      listen: () => () => undefined,
    });
    let isAborted = false;
    fixture.worker.register("t", async (_, { signal }) => {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      isAborted = true;
    });
    await fixture.run();
    const id = await fixture.send();
    await fixture.apply({ kind: "cancel", id });
    await fixture.clock.advance("1s");
    expect(isAborted).toBe(true);
  });

  it("acknowledges the message if it is found only when the failure is recorded (H9)", async () => {
    const fixture = new JobsFixture();
    Object.assign(fixture.store, { listen: () => () => undefined });
    const door = new Door();
    fixture.worker.register("t", async () => {
      await door.opened;
      throw new Error("no");
    });
    await fixture.run();
    const id = await fixture.send({ maxAttempts: 1 });
    await fixture.apply({ kind: "cancel", id });
    door.open();
    await fixture.clock.settle();
    expect(await fixture.status(id)).toBe("cancelled");
    expect(await fixture.counts()).toEqual(EMPTY);
  });

  it("holds also if the run ends in a drain: the message is acknowledged", async () => {
    const fixture = new JobsFixture({ drainMs: 1_000, graceMs: 1_000 });
    fixture.worker.register("t", async (_, { signal }) => {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      throw signal.reason;
    });
    Object.assign(fixture.store, { listen: () => () => undefined });
    const working = await fixture.run();
    const id = await fixture.send();
    await fixture.apply({ kind: "cancel", id });
    await fixture.clock.until(fixture.worker.stop());
    expect(working.state).toBe("resolved");
    expect(await fixture.status(id)).toBe("cancelled");
    expect(await fixture.counts()).toEqual(EMPTY);
  });
});
