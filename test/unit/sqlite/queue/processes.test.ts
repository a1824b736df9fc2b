import { type ChildProcess, spawn } from "node:child_process";
import { chmod } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { createInterface } from "node:readline";
import { describe, expect, test } from "vitest";
import { bodies, never, QueueFixture, send } from "./fixture.ts";

const PROCESS = new URL("queue-process.ts", import.meta.url).pathname;

interface Running {
  readonly child: ChildProcess;
  readonly lines: string[];
  readonly ended: Promise<void>;
}

/** Starts a process, and collects its lines until it ends. */
function start(args: readonly string[], onLine: (line: string) => void = () => {}, limit?: string): Running {
  const [file, ...rest] =
    limit === undefined
      ? [process.execPath, PROCESS, ...args]
      : ["bash", "-c", `${limit}; exec "$@"`, "bash", process.execPath, PROCESS, ...args];
  const child = spawn(file, rest, { stdio: ["ignore", "pipe", "inherit"] });
  const lines: string[] = [];
  const read = async (): Promise<void> => {
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line);
      onLine(line);
    }
  };
  return { child, lines, ended: read() };
}

const said = (lines: readonly string[], word: string): string[] =>
  lines.flatMap((line) => (line.startsWith(`${word} `) ? [line.split(" ")[1] ?? ""] : []));

const errorOf = (lines: readonly string[]): unknown => {
  const line = lines.find((one) => one.startsWith("error "));
  return line === undefined ? undefined : JSON.parse(line.slice(6));
};

/** Takes every message that is left, after the leases of killed processes have ended. */
async function takeAll(fixture: QueueFixture): Promise<string[]> {
  const driver = fixture.driver();
  const source = driver.open("q", { prefetch: 500, leaseMs: 60_000, waitMs: 1_500 });
  const taken: string[] = [];
  for (;;) {
    const some = bodies(await source.next(500, never));
    if (some.length === 0) break;
    taken.push(...some);
  }
  await source.close();
  return taken;
}

function integrity(path: string): unknown {
  const database = new DatabaseSync(path);
  const result = database.prepare("PRAGMA integrity_check").all();
  database.close();
  return result;
}

describe("queues in an SQLite file", () => {
  test("have every message that was accepted and not acknowledged, after their processes were killed", async () => {
    await using fixture = await QueueFixture.create();
    await send(fixture.driver(), "first");
    const [sent, acked, received] = [new Set<string>(["first"]), new Set<string>(), new Set<string>()];
    for (let round = 0; round < 3; round += 1) {
      const processes = (["send", "send", "handle"] as const).map((work, index) => {
        let left = 60 + 70 * round + 40 * index;
        const running: Running = start([fixture.path, work, `${round}${index}`], () => {
          left -= 1;
          if (left === 0) running.child.kill("SIGKILL");
        });
        return running;
      });
      // A process that handles may have nothing left to do.
      await Promise.all(processes.slice(0, 2).map(({ ended }) => ended));
      processes[2]?.child.kill("SIGKILL");
      await processes[2]?.ended;
      for (const { lines } of processes) {
        for (const body of said(lines, "sent")) sent.add(body);
        for (const body of said(lines, "acked")) acked.add(body);
        for (const body of said(lines, "received")) received.add(body);
      }
    }
    const left = await takeAll(fixture);

    expect(integrity(fixture.path)).toEqual([{ integrity_check: "ok" }]);
    expect(sent.size).toBeGreaterThan(200);
    expect(acked.size).toBeGreaterThan(20);
    // A process may have been killed between an acknowledgement and its line.
    const known = new Set([...left, ...acked, ...received]);
    expect([...sent].filter((body) => !known.has(body))).toEqual([]);
    // All but those that were held by a process that was killed.
    const unexplained = [...received].filter((body) => !acked.has(body) && !left.includes(body));
    expect(unexplained.length).toBeLessThanOrEqual(3 * 20);
    expect(left.filter((body) => acked.has(body))).toEqual([]);
    expect(new Set(left).size).toBe(left.length);
  }, 120_000);

  test("wake a receiver of another process soon after a commit, and again after it was idle", async () => {
    await using fixture = await QueueFixture.create();
    const driver = fixture.driver();
    await driver.describe("q");
    let onReceived: (body: string) => void = () => {};
    const receiver = start([fixture.path, "handle"], (line) => {
      if (line.startsWith("received ")) onReceived(line.split(" ")[1] ?? "");
      if (line === "ready") onReceived("ready");
    });
    await new Promise<void>((resolve) => (onReceived = () => resolve()));
    const times: number[] = [];
    for (let index = 0; index < 15; index += 1) {
      const body = `message ${index}`.replace(" ", "-");
      const received = new Promise<void>((resolve) => {
        onReceived = (one) => one === body && resolve();
      });
      await new Promise((resolve) => setTimeout(resolve, index % 5 === 4 ? 300 : 20));
      const startedAt = performance.now();
      await send(driver, body);
      await received;
      times.push(performance.now() - startedAt);
    }
    receiver.child.kill("SIGKILL");
    await receiver.ended;
    times.sort((one, other) => one - other);
    // Without a wake-up, a receiver looks once in a second or more. The bound leaves room for a busy machine.
    expect(times[7]).toBeLessThan(250);
  }, 60_000);

  test.skipIf(process.platform === "win32")(
    "report a full disk, and have every message that was accepted before",
    async () => {
      await using fixture = await QueueFixture.create();
      await send(fixture.driver(), "first");
      // A limit for the size of each file of the process, in KiB.
      const { lines, ended } = start([fixture.path, "send", "a"], () => {}, "ulimit -f 2000");
      await ended;

      expect(errorOf(lines)).toMatchObject({
        kind: expect.stringMatching(/^(?:full|ambiguous)$/),
        message: expect.stringMatching(/disk is full|disk has failed/),
      });
      const accepted = said(lines, "sent");
      expect(accepted.length).toBeGreaterThan(20);
      const left = new Set(await takeAll(fixture));
      expect(accepted.filter((body) => !left.has(body))).toEqual([]);
      expect(integrity(fixture.path)).toEqual([{ integrity_check: "ok" }]);
    },
    120_000,
  );

  test.skipIf(process.platform === "win32")(
    "refuse a file that the process may not write, as a matter of permissions",
    async () => {
      await using fixture = await QueueFixture.create();
      const driver = fixture.driver();
      await send(driver, "first");
      await driver.close();
      await chmod(fixture.directory, 0o755);
      await chmod(fixture.path, 0o444);
      const user = process.getuid?.() === 0 ? ["65534"] : [];
      const { lines, ended } = start([fixture.path, "send", "a", ...user]);
      await ended;

      expect(errorOf(lines)).toMatchObject({ kind: expect.stringMatching(/^(?:auth|permanent)$/) });
    },
    60_000,
  );
});
