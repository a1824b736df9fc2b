import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { queueport } from "../cmd/run.ts";
import { type SqsLine, SqsBed } from "../support/sqs-bed.ts";
import { sqsProxyMissing } from "../support/sqs-server.ts";

const HANDLERS = fileURLToPath(new URL("fixtures/jobs.ts", import.meta.url));
const PATIENCE = { timeout: 90_000, interval: 10 };
/** Long enough for what comes at once not to be taken for what comes at its end. */
const LEASE_MS = 15_000;

const missing = sqsProxyMissing();
if (missing !== undefined) console.warn(`SKIPPED: workers on SQS. ${missing}`);

describe.skipIf(missing !== undefined)("workers on SQS", () => {
  let bed: SqsBed;
  let directory: string;
  beforeAll(async () => {
    bed = await SqsBed.start();
    directory = await mkdtemp(join(tmpdir(), "queueport-worker-"));
  });
  afterAll(async () => {
    await bed[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });

  /** A worker as it is deployed: a process of its own, with polls of twenty seconds. */
  async function worker(line: SqsLine): Promise<ReturnType<typeof queueport>> {
    const config = join(directory, `${line.name}.json`);
    await writeFile(config, JSON.stringify({ provider: "sqs", ...line.options, waitSeconds: 20 }));
    const args = ["--queue", line.name, "--handlers", HANDLERS, "--concurrency", "10", "--lease", "15s"];
    return queueport(["worker", "--config", config, ...args]);
  }

  async function send(line: SqsLine, type: string, count: number): Promise<string[]> {
    const messages = Array.from({ length: count }, (_, payload) => ({ type, payload }));
    const outcomes = await line.direct.sendBatch(line.name, messages);
    return outcomes.map(({ id }) => String(id));
  }

  async function inFlight(line: SqsLine, count: number): Promise<void> {
    await vi.waitFor(async () => {
      expect((await line.direct.stats(line.name)).inFlight).toBe(count);
    }, PATIENCE);
  }

  test("killed by SIGKILL: its messages are another's within one lease", async () => {
    await using line = await bed.line({ waitSeconds: 20 });
    const ids = await send(line, "endless", 10);
    const killed = await worker(line);
    await killed.logged("working", 10);
    // Past the first extension: what is left is a lease that was extended.
    await new Promise((resolve) => setTimeout(resolve, (2 / 3) * LEASE_MS));
    killed.kill("SIGKILL");
    await killed.result;
    const since = Date.now();
    const handled = new Map<string, number>();
    const stop = line.receive(async ({ id }) => void handled.set(id, Date.now() - since));
    await vi.waitFor(() => expect(new Set(handled.keys())).toEqual(new Set(ids)), PATIENCE);
    const lastMs = Math.max(...handled.values());
    console.log(
      `after SIGKILL: the last of 10 was handled after ${lastMs} ms, with a lease of ${LEASE_MS} ms`,
    );
    // A second lease would end after twice as long.
    expect(lastMs).toBeLessThan(LEASE_MS + 10_000);
    await stop();
  });

  test("told to stop by SIGTERM, ten buffered and a poll open: the next worker has them at once", async () => {
    await using line = await bed.line({ waitSeconds: 20 });
    const ids = await send(line, "queued", 11);
    const stopped = await worker(line);
    await stopped.logged("working");
    await inFlight(line, 11);
    const polls = line.calls("ReceiveMessage", line.name).length;
    stopped.kill("SIGTERM");
    const since = Date.now();
    const handled = new Map<string, number>();
    const other = line.connect();
    const stop = new AbortController();
    const receiving = other.receive(line.name, async ({ id }) => void handled.set(id, Date.now() - since), {
      signal: stop.signal,
    });
    // One more, which the poll that is still open may take.
    ids.push(...(await send(line, "queued", 1)));
    const { code, log } = await stopped.result;
    const own = log.filter(({ msg }) => msg === "working").map(({ id }) => String(id));
    await vi.waitFor(() => expect(handled.size + own.length).toBe(12), PATIENCE);
    const lastMs = Math.max(...handled.values());
    console.log(
      `after SIGTERM: the last was another's after ${lastMs} ms; the worker ended after ${Date.now() - since} ms`,
    );
    expect(code).toBe(0);
    expect(own).toHaveLength(1);
    expect(new Set([...handled.keys(), ...own])).toEqual(new Set(ids));
    // None of them waited for its lease, or for a poll of twenty seconds.
    expect(lastMs).toBeLessThan(10_000);
    expect(polls).toBeGreaterThan(1);
    await inFlight(line, 0);
    stop.abort();
    await receiving;
  });
});
