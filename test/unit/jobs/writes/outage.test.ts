import { describe, expect, it } from "vitest";
import { times, watch } from "../../support.ts";
import { claim, end, insert, job, WriterFixture } from "./fixture.ts";

describe("a call that fails", () => {
  it("is tried again within the time limit of its changes", async () => {
    const fixture = new WriterFixture();
    let failures = 2;
    fixture.fault = () => {
      failures -= 1;
      return failures >= 0 ? "lose" : undefined;
    };
    const write = watch(fixture.writer.write(claim("j", "a")));
    await fixture.clock.advance(1_000);
    expect(write.value).toMatchObject({ do: "run", attempt: 1 });
    expect((await fixture.row("j"))?.row.runs).toBe(1);
    expect(fixture.warnings).toEqual([]);
  });
});

describe("a store that is down", () => {
  it("costs 3 failed calls once: then changes are refused at once, and probes look each 5 s", async () => {
    const fixture = new WriterFixture();
    fixture.fault = () => "hang";
    fixture.probe = "fail";
    const first = watch(fixture.writer.write(insert("a")));
    await fixture.clock.advance(2_000);
    const second = watch(fixture.writer.write(insert("b")));
    await fixture.clock.advance(2_000);
    const third = watch(fixture.writer.write(insert("c")));
    await fixture.clock.advance(1_999);
    expect(third.state).toBe("pending");
    await fixture.clock.advance(1);
    expect([first, second, third].map(({ state }) => state)).toEqual(["rejected", "rejected", "rejected"]);
    expect(fixture.writer.isUp).toBe(false);
    await expect(fixture.writer.write(insert("d"))).rejects.toMatchObject({ code: "store_unavailable" });
    expect(fixture.sizes).toEqual([1, 1, 1]);
    expect(fixture.warnings).toEqual(["store_down"]);
    await fixture.clock.advance(60_000);
    expect(fixture.writer.isUp).toBe(false);
    fixture.fault = () => undefined;
    fixture.probe = undefined;
    await fixture.clock.advance(5_000);
    expect(fixture.writer.isUp).toBe(true);
    expect(fixture.warnings).toEqual(["store_down", "store_up"]);
    await fixture.writer.write(insert("e"));
  });

  it("gets the ends that were kept when it is back", async () => {
    const fixture = new WriterFixture();
    await fixture.writer.write(claim("j0", "a"));
    fixture.fault = () => "fail";
    fixture.probe = "fail";
    const writes = times(3, (index) => watch(fixture.writer.write(insert(`x${index}`))));
    await fixture.clock.advance(1_000);
    expect(writes.map(({ state }) => state)).toEqual(["rejected", "rejected", "rejected"]);
    expect(fixture.writer.isUp).toBe(false);
    fixture.writer.keep(end("j0", "a", { result: { value: 42 } }));
    for (const index of times(2_000, (n) => n + 1))
      fixture.writer.keep(end(`j${index}`, "b", { isUntracked: true, seed: () => job(0) }));
    expect(fixture.writer.stats.journaled).toBe(2_001);
    fixture.fault = () => undefined;
    fixture.probe = undefined;
    await fixture.clock.advance(5_000);
    expect(fixture.writer.stats).toMatchObject({ journaled: 0, dropped: 0 });
    expect(await fixture.row("j0")).toMatchObject({ row: { status: "completed" }, result: 42 });
    expect((await fixture.row("j2000"))?.row.status).toBe("completed");
  });

  it("gets the kept end of a job before its next claim, which is then refused", async () => {
    const fixture = new WriterFixture();
    fixture.fault = () => "fail";
    fixture.probe = "fail";
    watch(fixture.writer.write(insert("x")));
    await fixture.clock.advance(1_000);
    expect(fixture.writer.isUp).toBe(false);
    fixture.writer.keep(end("j", "a", { isUntracked: true, seed: () => ({ ...job(0), stamp: "s" }) }));
    fixture.fault = () => undefined;
    fixture.probe = undefined;
    let answer: unknown;
    const claims = (async () => {
      while (!fixture.writer.isUp) await new Promise((resolve) => setImmediate(resolve));
      answer = await fixture.writer.write(claim("j", "b"));
    })();
    await fixture.clock.advance(5_000);
    await claims;
    expect(answer).toMatchObject({ do: "done" });
  });

  it("gets the kept end of a job before its next claim, also while it is up", async () => {
    const fixture = new WriterFixture();
    fixture.fault = ([change]) => (change?.kind === "end" ? "hang" : undefined);
    fixture.writer.keep(end("j", "a", { isUntracked: true, seed: () => ({ ...job(0), stamp: "s" }) }));
    await fixture.clock.advance("3s");
    expect(fixture.writer.stats.journaled).toBe(1);
    fixture.fault = () => undefined;
    expect(await fixture.writer.write(claim("j", "b"))).toMatchObject({ do: "done" });
    expect(fixture.writer.stats.journaled).toBe(0);
  });

  it("loses nothing that was kept while it fails again in the middle", async () => {
    const fixture = new WriterFixture();
    for (const index of times(1_500, (n) => n)) {
      fixture.fault = () => "fail";
      fixture.writer.keep(end(`j${index}`, "b", { isUntracked: true, seed: () => job(0) }));
    }
    fixture.probe = "fail";
    await fixture.clock.advance(20_000);
    expect(fixture.writer.stats.journaled).toBe(1_500);
    let calls = 0;
    fixture.fault = () => {
      calls += 1;
      return calls % 2 === 0 ? "lose" : undefined;
    };
    fixture.probe = undefined;
    await fixture.clock.advance(30_000);
    expect(fixture.writer.stats.journaled).toBe(0);
    expect((await fixture.row("j1499"))?.row.status).toBe("completed");
  });
});

describe("close", () => {
  it("waits for what is on its way, and says how many changes are lost", async () => {
    const fixture = new WriterFixture();
    fixture.fault = () => 500;
    const write = watch(fixture.writer.write(insert("j")));
    const closing = watch(fixture.writer.close());
    await fixture.clock.advance(400);
    expect(closing.state).toBe("pending");
    await fixture.clock.advance(200);
    expect([write.state, closing.state]).toEqual(["resolved", "resolved"]);
    expect(fixture.warnings).toEqual([]);
    await expect(fixture.writer.write(insert("k"))).rejects.toMatchObject({ code: "store_unavailable" });
    expect(fixture.clock.pending).toBe(0);
  });

  it("reports the ends that were kept for a store that is not back", async () => {
    const fixture = new WriterFixture();
    fixture.fault = () => "fail";
    fixture.probe = "fail";
    watch(fixture.writer.write(insert("x")));
    await fixture.clock.advance(1_000);
    fixture.writer.keep(end("j", "a"));
    await fixture.clock.until(fixture.writer.close());
    expect(fixture.warnings).toEqual(["store_down", "journal_lost"]);
    expect(fixture.clock.pending).toBe(0);
  });
});
