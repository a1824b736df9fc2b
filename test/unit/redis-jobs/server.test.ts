import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import type { JobAnswer, JobChange, JobStore } from "../../../src/jobs/store/index.ts";
import { jobStatuses } from "../../../src/jobs/store/job-row.ts";
import { type Clock, systemClock } from "../../../src/driver/index.ts";
import { startCutter } from "../../../src/conformance/index.ts";
import { answered, errorOf, linesOf, PROCESS } from "../../support/job-store/written-lines.ts";
import { findServer, onServer } from "../../support/servers/find-server.ts";
import { privateRedis, type PrivateRedis } from "../../support/servers/redis-server.ts";
import { claim, end, insert } from "../sqlite/fixture.ts";
import { StoreFixture } from "./fixture.ts";
import { faultsOf } from "./records.ts";

const { server, missing } = await findServer("redis");

const now = (): { createdAt: number } => ({ createdAt: Date.now() });
const birth = (id: string, text = ""): JobChange => ({
  kind: "birth",
  id,
  job: { type: "email", queue: "emails", maxAttempts: 5, message: { payload: text }, ...now() },
  token: id,
  dueInMs: 0,
  takenMs: 0,
});
const outcomes = (answers: readonly JobAnswer[]): unknown[] =>
  answers.map((answer) => (answer.do === "ended" ? answer.verdict : answer.do));

/** A private server, which is closed after the test. */
async function ownServer(settings: readonly string[] = []): Promise<PrivateRedis> {
  const own = await privateRedis({ settings });
  if (own === undefined) throw new Error("there is no redis-server");
  onTestFinished(() => own.close());
  return own;
}

describe.skipIf(missing !== undefined)(onServer("redis"), () => {
  afterAll(() => server?.close());

  test("a full server refuses new jobs, and those that it has are still sent, run, ended and deleted", async () => {
    const own = await ownServer(["--maxmemory", "4mb", "--maxmemory-policy", "noeviction"]);
    const fixture = new StoreFixture(own.url);
    const store = await fixture.opened("ns");
    await store.apply("ns", [insert("waiting", now()), claim("running", "t", now())]);
    await store.apply("ns", [claim("done", "d", now())]);
    await store.apply("ns", [end("done", "d")]);
    let born = 0;
    const fill = async (): Promise<void> => {
      for (; ; born += 1) await store.apply("ns", [birth(`job-${born}`, "x".repeat(20_000))]);
    };
    await expect(fill()).rejects.toMatchObject({
      code: "store_unavailable",
      retryable: true,
      message: expect.stringMatching(/reached maxmemory: give it more/),
    });

    expect(born).toBeGreaterThan(10);
    const due = await store.takeDue("ns", { limit: 2, takenMs: 30_000 });
    expect(due.map(({ row }) => row.id)).toEqual(["job-0", "job-1"]);
    const [dispatched] = await store.apply("ns", [{ kind: "dispatched", id: "job-0", dispatch: 0 }]);
    expect(dispatched).toMatchObject({ ok: true });
    expect(outcomes(await store.apply("ns", [claim("waiting", "w", now())]))).toEqual(["run"]);
    expect(outcomes(await store.apply("ns", [end("running", "t")]))).toEqual(["recorded"]);
    expect(outcomes(await store.apply("ns", [{ kind: "cancel", id: "job-2" }]))).toEqual(["noted"]);
    const policy = { completedMs: 0, failedMs: 0, cancelledMs: 0, dataMs: 0, maxFinished: 1_000 };
    const late = await fixture.opened("ns", { clock: hoursLater(2) });
    expect(await late.prune("ns", policy, 100)).toMatchObject({ deleted: 3, hasMore: false });
    await expect(fill()).rejects.toMatchObject({ code: "store_unavailable" });
    expect(await faultsOf(own.url, fixture.prefix, "ns")).toEqual([]);
    await fixture.close();
  });

  test("a server that hangs is given up in time, and no change takes effect twice when it goes on", async () => {
    const own = await ownServer();
    const fixture = new StoreFixture(own.url);
    const store = await fixture.opened("ns", { requestTimeoutMs: 300 });
    await store.apply("ns", [claim("a", "t", now())]);
    own.freeze();
    const startedAt = performance.now();
    const ending = end("a", "t", { logs: [{ at: 1, level: "info", message: "once" }] });
    await expect(store.apply("ns", [ending])).rejects.toMatchObject({
      code: "store_unavailable",
      retryable: true,
      message: expect.stringContaining("did not answer within 300 ms"),
    });
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    await expect(store.counts("ns")).rejects.toMatchObject({ code: "store_unavailable" });
    own.thaw();

    expect(outcomes(await eventually(() => store.apply("ns", [ending])))).toEqual(["recorded"]);
    expect((await store.get("ns", ["a"], ["logs"]))[0]).toMatchObject({
      row: { status: "completed" },
      logs: [{ message: "once" }],
    });
    expect(await faultsOf(own.url, fixture.prefix, "ns")).toEqual([]);
    await fixture.close();
  });

  test("a claim, an end and a report whose answers were lost get the same answers again, and count once", async () => {
    const fixture = new StoreFixture(server?.url ?? "");
    onTestFinished(() => fixture.close());
    const at = new URL(fixture.url);
    const cutter = await startCutter({ host: at.hostname, port: Number(at.port || 6379) });
    onTestFinished(() => cutter.close());
    at.host = `127.0.0.1:${cutter.port}`;
    const store = await fixture.opened("ns", { url: at.href, requestTimeoutMs: 500 });
    const other = await fixture.opened("ns");
    const report: JobChange = {
      kind: "touch",
      id: "a",
      token: "t",
      seq: 1,
      progress: 40,
      steps: { one: 1 },
      logs: [{ at: 1, level: "info", message: "hello" }],
    };
    const changes = [claim("a", "t", now()), report, end("a", "t", { seq: 2, durationMs: 7 })];
    for (const change of changes) {
      cutter.mute();
      await expect(store.apply("ns", [change])).rejects.toMatchObject({ code: "store_unavailable" });
      cutter.cut();
      const [again] = await eventually(() => store.apply("ns", [change]));
      expect(again?.do).toBe(change.kind === "claim" ? "run" : change.kind === "end" ? "ended" : "noted");
    }

    const [job] = await other.get("ns", ["a"], ["saved", "logs"]);
    expect(job).toMatchObject({ row: { status: "completed", runs: 1, progress: 100 }, steps: { one: 1 } });
    expect(job?.logs).toHaveLength(1);
    expect(await other.minutes("ns", Date.now() - 60_000)).toMatchObject([
      { status: "completed", count: 1, durationMs: 7 },
    ]);
  });

  test("listeners hear of changes while the connection that tells of them is cut again and again", async () => {
    const fixture = new StoreFixture(server?.url ?? "");
    onTestFinished(() => fixture.close());
    const at = new URL(fixture.url);
    const cutter = await startCutter({ host: at.hostname, port: Number(at.port || 6379) });
    onTestFinished(() => cutter.close());
    at.host = `127.0.0.1:${cutter.port}`;
    const [writing, listening] = [await fixture.opened("ns"), await fixture.opened("ns", { url: at.href })];
    const heard = new Set<string>();
    const unlisten = listening.listen("ns", (hint, id) => heard.add(`${hint} ${id}`));
    for (let round = 0; round < 4; round += 1) {
      cutter.cut();
      await writing.apply("ns", [claim(`job-${round}`, "t", now())]);
      await writing.apply("ns", [{ kind: "cancel", id: `job-${round}` }]);
      await expect.poll(() => heard.has(`cancel job-${round}`), { timeout: 20_000, interval: 10 }).toBe(true);
    }
    unlisten();
  });

  test("every change that was answered is there, and all records are whole, after processes were killed", async () => {
    const fixture = new StoreFixture(server?.url ?? "");
    onTestFinished(() => fixture.close());
    const states = new Map<string, string>();
    process.env["PREFIX"] = fixture.prefix;
    for (let round = 0; round < 3; round += 1) {
      const all = await Promise.all(
        ["a", "b"].map((name, index) => {
          let left = 40 + 90 * round + 37 * index;
          return linesOf([process.execPath, PROCESS, fixture.url, `${name}${round}`], (_, kill) => {
            left -= 1;
            if (left === 0) kill();
          });
        }),
      );
      for (const lines of all) for (const [id, status] of answered(lines)) states.set(id, status);
    }

    expect(states.size).toBeGreaterThan(50);
    expect(await lostOf(await fixture.opened("ns", {}, "memory"), states)).toEqual([]);
    expect(await faultsOf(fixture.url, fixture.prefix, "ns")).toEqual([]);
  });

  test("every change that was answered is there after a server with an append-only file was killed", async () => {
    const own = await ownServer();
    const fixture = new StoreFixture(own.url);
    const states = new Map<string, string>();
    process.env["PREFIX"] = fixture.prefix;
    for (let round = 0; round < 2; round += 1) {
      let killed: Promise<void> | undefined;
      let lines = 0;
      const all = await linesOf([process.execPath, PROCESS, own.url, `r${round}`], () => {
        lines += 1;
        if (lines === 150) killed = own.kill();
      });
      await killed;
      expect(errorOf(all)).toMatchObject({ code: "store_unavailable", retryable: true });
      for (const [id, status] of answered(all)) states.set(id, status);
      await own.start();
    }

    expect(states.size).toBeGreaterThan(50);
    expect(await lostOf(await fixture.opened("ns", {}, "memory"), states)).toEqual([]);
    expect(await faultsOf(own.url, fixture.prefix, "ns")).toEqual([]);
    await fixture.close();
  });
});

/** The jobs that are not as far as their last answer says. */
async function lostOf(store: JobStore, states: ReadonlyMap<string, string>): Promise<string[]> {
  const ids = [...states.keys()];
  const found = await store.get("ns", ids, ["message", "result"]);
  return ids.filter((id, index) => {
    const job = found[index];
    if (job?.message === undefined) return true;
    const isBack = jobStatuses.indexOf(job.row.status) < jobStatuses.indexOf(states.get(id) as never);
    return isBack || (job.row.status === "completed" && job.result !== id);
  });
}

/** Tries again until a call succeeds, as the connection is built again. */
async function eventually<T>(call: () => Promise<T>): Promise<T> {
  for (let left = 100; ; left -= 1) {
    try {
      return await call();
    } catch (error) {
      if (left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** The machine's clock, some hours ahead. */
function hoursLater(hours: number): Clock {
  return { ...systemClock, now: () => systemClock.now() + hours * 3_600_000 };
}
