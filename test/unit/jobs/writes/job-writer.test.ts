import { describe, expect, it } from "vitest";
import type { Timer } from "../../../../src/lib/clock.ts";
import { memoryJobStore } from "../../../../src/jobs/store/memory-job-store.ts";
import { faultyJobStore } from "../../../../src/jobs/testing/faulty-job-store.ts";
import { JobWriter } from "../../../../src/jobs/writes/job-writer.ts";
import { FakeClock } from "../../../../src/testing/fake-clock.ts";
import { QueueError } from "../../../../src/errors.ts";
import { times, watch } from "../../support.ts";
import { claim, end, insert, job, save, WriterFixture } from "./fixture.ts";

/** A clock that counts its pending timers that keep the process alive. */
class AliveClock extends FakeClock {
  alive = 0;

  override timer(ms: number, run: () => void, keepAlive: boolean = false): Timer {
    if (!keepAlive) return super.timer(ms, run);
    this.alive += 1;
    let isPending = true;
    const ended = (): void => {
      if (isPending) this.alive -= 1;
      isPending = false;
    };
    const timer = super.timer(ms, () => {
      ended();
      run();
    });
    return {
      cancel: () => {
        ended();
        timer.cancel();
      },
    };
  }
}

describe("a process that waits for a change", () => {
  it.each(["lose", "again", "hang"] as const)(
    "stays alive until it is answered, also after `%s`",
    async (fault) => {
      const clock = new AliveClock();
      let faults = 1;
      const store = faultyJobStore(memoryJobStore({ clock }), {
        clock,
        before: () => (faults-- > 0 ? fault : undefined),
      });
      const writer = new JobWriter(store, "test", { clock, onWarning: () => undefined });
      const written = watch(writer.write(insert("a", clock.now())));
      await clock.settle();
      while (written.state === "pending") {
        expect(clock.alive).toBeGreaterThan(0);
        await clock.advanceToNext();
      }
      await clock.advance(10_000);
      expect(clock.alive).toBe(0);
    },
  );
});

describe("the changes of one tick", () => {
  it("share one call, and each gets its own answer", async () => {
    const fixture = new WriterFixture();
    const answers = await Promise.all(times(5, (index) => fixture.writer.write(insert(`j${index}`))));
    expect(fixture.sizes).toEqual([5]);
    expect(answers.map((answer) => "ok" in answer && answer.ok)).toEqual([true, true, true, true, true]);
  });

  it("are sent in calls of at most 1,000, of which two are in flight", async () => {
    const fixture = new WriterFixture();
    fixture.fault = () => 100;
    const writes = times(2_500, (index) => fixture.writer.write(insert(`j${index}`)));
    await fixture.settle();
    expect(fixture.sizes).toEqual([1_000, 1_000]);
    await fixture.clock.advance(200);
    expect(fixture.sizes).toEqual([1_000, 1_000, 500]);
    await Promise.all(writes);
  });

  it("are sent in calls of about 1 MB at most", async () => {
    const fixture = new WriterFixture();
    const payload = "x".repeat(300_000);
    await Promise.all(
      times(5, (index) =>
        fixture.writer.write({
          kind: "insert",
          id: `j${index}`,
          job: { ...job(fixture.clock.now()), message: { payload } },
        }),
      ),
    );
    expect(fixture.sizes).toEqual([3, 2]);
  });
});

describe("a change of a job", () => {
  it("waits while an earlier one of the same job is in flight, so that a checkpoint never goes back (H22)", async () => {
    const fixture = new WriterFixture();
    await fixture.writer.write(claim("j", "a"));
    let first = true;
    fixture.fault = ([change]) => {
      if (change?.kind !== "touch" || !first) return undefined;
      first = false;
      return 1_000;
    };
    const writes = [fixture.writer.write(save("j", "a", 1, 1)), fixture.writer.write(save("j", "a", 2, 2))];
    await fixture.settle();
    writes.push(fixture.writer.write(insert("other")));
    await fixture.clock.advance(500);
    // The other job does not wait for it.
    expect((await fixture.row("other"))?.row.status).toBe("queued");
    expect((await fixture.row("j"))?.saved).toBeUndefined();
    await fixture.clock.advance(1_000);
    await Promise.all(writes);
    expect((await fixture.row("j"))?.saved).toBe(2);
    expect(
      fixture.calls.every((changes) => new Set(changes.map(({ id }) => id)).size === changes.length),
    ).toBe(true);
  });

  it("goes on its way when the earlier one has reached its time limit", async () => {
    const fixture = new WriterFixture();
    fixture.fault = ([change]) => (change?.kind === "claim" ? "hang" : undefined);
    const first = watch(fixture.writer.write(claim("j", "a")));
    await fixture.clock.advance(1_000);
    const second = watch(fixture.writer.write(end("j", "a", { isUntracked: true, seed: () => job(0) })));
    await fixture.clock.advance(1_000);
    expect(first.error).toMatchObject({ code: "store_unavailable", retryable: true });
    expect(second.value).toMatchObject({ verdict: "recorded" });
  });

  it("expires while it waits, without being sent", async () => {
    const fixture = new WriterFixture();
    fixture.fault = () => "hang";
    const writes = times(3, (seq) => watch(fixture.writer.write(save("j", "a", seq, seq))));
    await fixture.clock.advance(2_000);
    expect(writes.map(({ state }) => state)).toEqual(["rejected", "rejected", "rejected"]);
    fixture.fault = () => undefined;
    await fixture.settle();
    await fixture.writer.write(insert("j"));
    expect(fixture.sizes).toEqual([1, 1]);
  });
});

describe("a locked row", () => {
  it("is tried again alone, while others go on", async () => {
    const fixture = new WriterFixture();
    let locked = 3;
    const store = fixture.memory.apply.bind(fixture.memory);
    fixture.memory.apply = async (namespace, changes) => {
      const free = changes.filter(({ id }) => id !== "locked" || locked === 0);
      const answers = await store(namespace, free);
      if (free.length < changes.length) locked -= 1;
      return changes.map((change) => {
        const index = free.indexOf(change);
        return index < 0 ? { do: "again" } : (answers[index] as never);
      });
    };
    const one = watch(fixture.writer.write(insert("locked")));
    const other = watch(fixture.writer.write(insert("free")));
    await fixture.settle();
    expect([one.state, other.state]).toEqual(["pending", "resolved"]);
    await fixture.clock.advance(1_000);
    expect(one.value).toMatchObject({ ok: true });
    expect(fixture.sizes).toEqual([2, 1, 1, 1]);
    expect(fixture.warnings).toEqual([]);
  });

  it("is given up after 2 s, and no failure of the store", async () => {
    const fixture = new WriterFixture();
    fixture.fault = () => "again";
    const writes = times(5, (index) => watch(fixture.writer.write(insert(`j${index}`))));
    await fixture.clock.advance(2_000);
    expect(writes.every(({ state }) => state === "rejected")).toBe(true);
    expect(fixture.writer.isUp).toBe(true);
  });
});

describe("a change that the store cannot take", () => {
  it.each([
    new TypeError("a character that the database refuses"),
    new QueueError("invalid_message", "a character that the database refuses"),
  ])("fails alone with %s: the others of its call are written", async (error) => {
    const fixture = new WriterFixture((memory) => ({
      ...memory,
      name: "memory",
      capabilities: memory.capabilities,
      now: () => memory.now(),
      listen: () => () => undefined,
      apply: async (namespace, changes) => {
        if (changes.some(({ id }) => id === "j3")) throw error;
        return memory.apply(namespace, changes);
      },
    }));
    const writes = times(10, (index) => watch(fixture.writer.write(insert(`j${index}`))));
    await fixture.settle();
    expect(writes.map(({ state }) => state === "resolved")).toEqual(times(10, (index) => index !== 3));
    expect(writes[3]?.error).toMatchObject({ message: "a character that the database refuses" });
    expect(fixture.writer.isUp).toBe(true);
  });
});
