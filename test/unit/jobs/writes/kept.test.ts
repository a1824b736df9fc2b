import { describe, expect, it } from "vitest";
import { Journal } from "../../../../src/jobs/writes/journal.ts";
import type { JobStore } from "../../../../src/jobs/store/job-store.ts";
import { unhandledDuring, watch } from "../../support.ts";
import { claim, end, insert, job, WriterFixture } from "./fixture.ts";

describe("a claim", () => {
  it("is not granted while the end of the run before it is not recorded", async () => {
    const fixture = new WriterFixture();
    await fixture.writer.write(claim("j", "a"));
    fixture.fault = (changes) => (changes.some(({ kind }) => kind === "end") ? "hang" : undefined);
    fixture.writer.keep(end("j", "a"));
    await fixture.clock.advance(1_500);
    const next = watch(fixture.writer.write(claim("j", "b")));
    await fixture.clock.advance(700);
    expect(next).toMatchObject({ state: "rejected", error: { code: "store_unavailable" } });
    fixture.fault = () => undefined;
    expect(await fixture.writer.write(claim("j", "c"))).toMatchObject({ do: "done" });
    expect(await fixture.row("j")).toMatchObject({ row: { status: "completed", runs: 1 } });
  });
});

describe("a claim that has expired on its way", () => {
  it("is not overtaken by the change that gives it back", async () => {
    const fixture = new WriterFixture();
    fixture.fault = (changes) => (changes.some(({ kind }) => kind !== "end") ? 1_900 : undefined);
    void fixture.writer.write(insert("j"));
    const claimed = watch(fixture.writer.write(claim("j", "a")));
    await fixture.clock.advance(2_000);
    expect(claimed.state).toBe("rejected");
    void fixture.writer.write(end("j", "a", { outcome: "released" }));
    await fixture.clock.advance(2_000);
    expect(await fixture.row("j")).toMatchObject({ row: { status: "queued", runs: 0 } });
  });
});

describe("ends that are put back into the journal", () => {
  it("are in the order in which they were added, whichever comes back first", () => {
    const ends = [end("j", "a", { outcome: "retrying" }), end("j", "b", { isUntracked: true })] as const;
    for (const order of [ends, ends.toReversed()]) {
      const journal = new Journal();
      for (const one of ends) journal.add(one);
      expect(journal.takeOf("j")).toEqual(ends);
      for (const one of order) journal.putBack(one);
      expect(journal.takeOf("j")).toEqual(ends);
    }
  });
});

describe("a claim that is given back", () => {
  const back = (token: string): ReturnType<typeof end> =>
    end("j", token, { outcome: "released", isUntracked: false });

  it("does not replace an end in the journal, and comes before it", () => {
    const journal = new Journal();
    const ran = end("j", "a", { isUntracked: true, seed: () => job(0) });
    journal.add(ran);
    journal.add(back("b"));
    journal.add(insert("j"));
    expect(journal.takeOf("j")).toMatchObject([{ kind: "insert" }, { token: "b" }, { token: "a" }]);
    journal.putBack(ran);
    journal.putBack(back("b"));
    expect(journal.takeOf("j")).toMatchObject([{ token: "b" }, { token: "a" }]);
    expect(journal.size).toBe(0);
  });
});

describe("a store that answers wrongly", () => {
  const answering = (answers: unknown) => (memory: JobStore) =>
    Object.assign(Object.create(memory) as JobStore, { apply: () => Promise.resolve(answers) });

  it.each([
    ["nothing", undefined],
    ["null", null],
    ["no list", { 0: { do: "run" } }],
  ])("by %s counts as a store that cannot be reached", async (_, answers) => {
    const fixture = new WriterFixture(answering(answers));
    let write = watch(Promise.resolve<unknown>(undefined));
    const unhandled = await unhandledDuring(async () => {
      write = watch<unknown>(fixture.writer.write(insert("a")));
      await fixture.clock.advance(3_000);
    });
    expect(unhandled).toEqual([]);
    expect(write).toMatchObject({ state: "rejected", error: { code: "store_unavailable" } });
  });

  it("by a word that is no answer to the change has refused it", async () => {
    const fixture = new WriterFixture(answering([{ do: "noted", ok: true }]));
    await fixture.writer.write(insert("a"));
    const claimed = fixture.writer.write(claim("b", "t"));
    await expect(claimed).rejects.toThrow(/has answered a claim by "noted"/);
  });
});
