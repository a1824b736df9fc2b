import { describe, expect, it } from "vitest";
import { sleep } from "../../../../src/lib/clock.ts";
import { times } from "../../support.ts";
import { JobsFixture } from "./fixture.ts";

describe("iterate", () => {
  it("handles each item once, and reports the progress that follows from the total", async () => {
    const fixture = new JobsFixture();
    const seen: unknown[] = [];
    fixture.worker.register("t", async (_, { iterate }) => {
      await iterate([10, 20, 30, 40], {
        key: "all",
        total: 4,
        each: (item, index) => seen.push([item, index]),
      });
    });
    await fixture.run();
    await fixture.send();
    expect(seen).toEqual([
      [10, 0],
      [20, 1],
      [30, 2],
      [40, 3],
    ]);
    expect(fixture.events.of("progress").map(({ percent }) => percent)).toEqual([25, 50, 75, 100]);
  });

  it("goes on behind the last item when the handler has failed, and skips what is done", async () => {
    const fixture = new JobsFixture();
    const seen: number[] = [];
    let isBad = true;
    fixture.worker.register("t", async (_, { iterate }) => {
      await iterate([1, 2], { key: "first", each: (item) => seen.push(item) });
      await iterate([3, 4, 5], {
        key: "second",
        each: (item) => {
          if (item === 4 && isBad) throw new Error("no");
          seen.push(item);
        },
      });
    });
    await fixture.run();
    const id = await fixture.send();
    isBad = false;
    await fixture.clock.advance("5m");
    expect(seen).toEqual([1, 2, 3, 4, 5]);
    expect(await fixture.status(id)).toBe("completed");
  });

  it("resumes from the cursor that it was given", async () => {
    const fixture = new JobsFixture();
    const asked: unknown[] = [];
    const seen: unknown[] = [];
    async function* page(cursor: unknown): AsyncGenerator<string> {
      asked.push(cursor);
      for (const name of ["a", "b", "c"]) if (cursor === undefined || name > (cursor as string)) yield name;
    }
    let isBad = true;
    fixture.worker.register("t", async (_, { iterate }) => {
      await iterate(page, {
        key: "users",
        cursor: (name) => name,
        each: (name, index) => {
          if (name === "c" && isBad) throw new Error("no");
          seen.push([name, index]);
        },
      });
    });
    await fixture.run();
    await fixture.send();
    isBad = false;
    await fixture.clock.advance("5m");
    expect(asked).toEqual([undefined, "b"]);
    expect(seen).toEqual([
      ["a", 0],
      ["b", 1],
      ["c", 2],
    ]);
  });

  it("stops between two items in a drain, and another worker goes on without a counted attempt", async () => {
    const fixture = new JobsFixture();
    const seen: number[] = [];
    const attempts: number[] = [];
    const register = (one = fixture.process): void =>
      void one.worker.register("t", async (_, { iterate, attempt }) => {
        attempts.push(attempt);
        await iterate(
          times(10, (n) => n),
          {
            key: "all",
            each: async (n) => {
              seen.push(n);
              await sleep(fixture.clock, 1_000);
            },
          },
        );
        return seen.length;
      });
    register();
    const working = await fixture.run();
    const id = await fixture.send();
    await fixture.clock.advance("3500ms");
    const stopping = fixture.worker.stop();
    await fixture.clock.advance("1s");
    await fixture.clock.until(stopping);
    expect(working.state).toBe("resolved");
    expect((await fixture.job(id))?.row).toMatchObject({ status: "queued", runs: 0 });
    const other = fixture.start();
    register(other);
    await fixture.run(other);
    await fixture.clock.advance("1m");
    expect(seen).toEqual(times(10, (n) => n));
    expect(attempts).toEqual([1, 1]);
    expect(await fixture.job(id)).toMatchObject({ row: { status: "completed", runs: 1 }, result: 10 });
    expect(fixture.events.of("retrying")).toEqual([]);
  });

  it("stops between two items when the job is cancelled", async () => {
    const fixture = new JobsFixture();
    const seen: number[] = [];
    fixture.worker.register("t", async (_, { iterate }) => {
      await iterate(
        times(10, (n) => n),
        {
          key: "all",
          each: async (n) => {
            seen.push(n);
            await sleep(fixture.clock, 1_000);
          },
        },
      );
    });
    await fixture.run();
    const id = await fixture.send();
    await fixture.clock.advance("2500ms");
    await fixture.apply({ kind: "cancel", id });
    await fixture.clock.advance("1m");
    expect(seen).toEqual([0, 1, 2]);
    expect(await fixture.status(id)).toBe("cancelled");
  });

  it("saves its place every few seconds", async () => {
    const fixture = new JobsFixture();
    fixture.worker.register("t", async (_, { iterate }) => {
      await iterate(
        times(20, (n) => n),
        { key: "all", flushMs: 5_000, each: () => sleep(fixture.clock, 1_000) },
      );
    });
    await fixture.run();
    await fixture.send();
    await fixture.clock.advance("19s");
    const saves = fixture.changes.filter((change) => change.kind === "touch" && change.steps !== undefined);
    expect(
      saves.map((change) => (change as { steps: Record<string, unknown> }).steps["iterate/all"]),
    ).toEqual([{ n: 5 }, { n: 10 }, { n: 15 }]);
  });

  it("refuses a key that was used before, and a function without a cursor", async () => {
    const fixture = new JobsFixture();
    const errors: unknown[] = [];
    const note = (error: unknown): void => void errors.push((error as { code: string }).code);
    fixture.worker.register("t", async (_, { iterate }) => {
      const each = (): void => undefined;
      await iterate([1], { key: "a", each });
      await iterate([1], { key: "a", each }).catch(note);
      await iterate(() => [1], { key: "b", each }).catch(note);
      await iterate([1], { key: "c", each, cursor: () => 1 }).catch(note);
      await iterate([1], { key: "d", each, totals: 3 } as never).catch(note);
      await iterate([1], { key: "e", each: 3 as never }).catch(note);
    });
    await fixture.run();
    await fixture.send();
    expect(errors).toEqual(times(5, () => "invalid_options"));
  });
});
