import { describe, expect, it } from "vitest";
import { memoryJobStore } from "../../../../src/jobs/store/memory-job-store.ts";
import { openedStore } from "../../../../src/jobs/opened-store.ts";
import type { JobAnswer, JobChange } from "../../../../src/jobs/store/change.ts";
import { type AroundCall, wrappedStore } from "../../../../src/jobs/store/wrapped-store.ts";
import { JobWriter } from "../../../../src/jobs/writes/job-writer.ts";
import { FakeClock } from "../../../../src/testing/fake-clock.ts";
import { QueueError } from "../../../../src/errors.ts";
import { watch } from "../../support.ts";
import { claim, end, insert } from "./fixture.ts";

/** A writer on a store that applies changes at once, unless a test says otherwise. */
class ImmediateFixture {
  readonly clock = new FakeClock();
  readonly memory = memoryJobStore({ clock: this.clock });
  readonly calls: string[] = [];
  around: AroundCall = (_, call) => call();
  now: (change: JobChange) => JobAnswer | undefined = (change) => this.memory.applyNow?.("test", change);
  readonly store = wrappedStore(
    this.memory,
    (method, call, given) => {
      this.calls.push(method);
      return this.around(method, call, given);
    },
    { applyNow: (_, change) => this.now(change) },
  );
  readonly writer = new JobWriter(this.store, "test", { clock: this.clock, onWarning: () => undefined });

  async status(id: string): Promise<string | undefined> {
    const [found] = await this.memory.get("test", [id]);
    return found?.row.status;
  }
}

describe("a store that applies changes at once", () => {
  it("answers before the call returns, and counts as asked", async () => {
    const { writer, calls, clock } = new ImmediateFixture();
    expect(writer.writeNow(insert("a", clock.now()))).toMatchObject({ do: "noted", ok: true });
    expect(await writer.write(claim("a", "t"))).toMatchObject({ do: "run" });
    expect(writer.writeNow(end("a", "t"))).toMatchObject({ do: "ended", verdict: "recorded" });
    expect(calls).toEqual([]);
    expect(writer.stats).toMatchObject({ calls: 3, changes: 3, failed: 0 });
  });

  it("is given no change while an earlier one of the job is on its way", async () => {
    const fixture = new ImmediateFixture();
    const { writer, clock, memory } = fixture;
    let land = (): void => undefined;
    fixture.around = async (_, call) => {
      await new Promise<void>((resolve) => (land = resolve));
      return call();
    };
    const { now } = fixture;
    fixture.now = () => undefined;
    const first = watch(writer.write(insert("a", clock.now())));
    await clock.settle();
    fixture.now = now;
    expect(writer.writeNow(claim("a", "t"))).toBeUndefined();
    expect(writer.writeNow(claim("b", "t"))).toMatchObject({ do: "run" });
    const second = watch(writer.write(claim("a", "t")));
    land();
    await clock.settle();
    fixture.around = (_, call) => call();
    land();
    await clock.settle();
    expect([first.state, second.state]).toEqual(["resolved", "resolved"]);
    const [job] = await memory.get("test", ["a"]);
    expect(job?.row).toMatchObject({ status: "processing", version: 2 });
    expect(writer.writeNow(end("a", "t"))).toMatchObject({ verdict: "recorded" });
  });

  it.each([
    ["throws", () => JSON.parse("") as JobAnswer],
    ["has no answer", () => undefined],
    ["asks to be asked again", () => ({ do: "again" }) as const],
    ["answers in another word", () => ({ do: "run" }) as JobAnswer],
  ])("is asked by a request if it %s", async (_, now) => {
    const fixture = new ImmediateFixture();
    const { writer, clock, calls } = fixture;
    fixture.now = now;
    const change = insert("a", clock.now());
    expect(writer.writeNow(change)).toBeUndefined();
    expect(await writer.write(change)).toMatchObject({ ok: true });
    expect(calls).toEqual(["apply"]);
    expect(await fixture.status("a")).toBe("queued");
  });

  it("is given no change while it counts as down, and kept ends before the next change of their job", async () => {
    const fixture = new ImmediateFixture();
    const { writer, clock } = fixture;
    const { now } = fixture;
    expect(writer.writeNow(claim("a", "t"))).toMatchObject({ do: "run" });
    fixture.now = () => undefined;
    fixture.around = async () => {
      throw new QueueError("store_unavailable", "down", { retryable: true });
    };
    const refused = watch(writer.write(insert("x", clock.now())));
    while (refused.state === "pending") await clock.advanceToNext();
    expect(writer.isImmediate).toBe(false);
    fixture.now = now;
    expect(writer.writeNow(insert("y", clock.now()))).toBeUndefined();
    writer.keep(end("a", "t"));
    fixture.around = (_, call) => call();
    await clock.advance(5_000);
    expect(writer.isImmediate).toBe(true);
    expect(await fixture.status("a")).toBe("completed");
    expect(writer.writeNow(insert("y", clock.now()))).toMatchObject({ ok: true });
  });

  it("is given no change after the writer was closed", async () => {
    const { writer, clock } = new ImmediateFixture();
    await writer.close();
    expect(writer.writeNow(insert("a", clock.now()))).toBeUndefined();
  });

  it("is given no change before it is open", async () => {
    const clock = new FakeClock();
    const { store, opened } = openedStore(
      memoryJobStore({ clock }),
      async () => {},
      () => {},
    );
    const change = insert("a", clock.now());
    expect(store.applyNow?.("test", change)).toBeUndefined();
    await opened();
    expect(store.applyNow?.("test", change)).toMatchObject({ ok: true });
  });
});
