import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { queueport } from "../cmd/run.ts";
import { type ProxiedQueue, SqsFixture } from "../support/sqs-fixture.ts";
import { sqsProxyMissing } from "../support/sqs-server.ts";

const HANDLERS = fileURLToPath(new URL("fixtures/jobs.ts", import.meta.url));
const PATIENCE = { timeout: 90_000, interval: 10 };
/** Long enough to tell a message that is redelivered at once from one that is redelivered when its lease ends. */
const LEASE_MS = 15_000;

const missing = sqsProxyMissing();
if (missing !== undefined) console.warn(`SKIPPED: workers on SQS. ${missing}`);

describe.skipIf(missing !== undefined)("workers on SQS", () => {
  let fixture: SqsFixture;
  let directory: string;
  beforeAll(async () => {
    fixture = await SqsFixture.start();
    directory = await mkdtemp(join(tmpdir(), "queueport-worker-"));
  });
  afterAll(async () => {
    await fixture[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });

  /** Starts a worker in a process of its own, as deployed, with polls of twenty seconds. */
  async function worker(proxied: ProxiedQueue): Promise<ReturnType<typeof queueport>> {
    const config = join(directory, `${proxied.name}.json`);
    await writeFile(config, JSON.stringify({ provider: "sqs", ...proxied.options, waitSeconds: 20 }));
    const args = ["--queue", proxied.name, "--handlers", HANDLERS, "--concurrency", "10", "--lease", "15s"];
    return queueport(["worker", "--config", config, ...args]);
  }

  async function send(proxied: ProxiedQueue, type: string, count: number): Promise<string[]> {
    const messages = Array.from({ length: count }, (_, payload) => ({ type, payload }));
    const outcomes = await proxied.direct.sendBatch(proxied.name, messages);
    return outcomes.map(({ id }) => String(id));
  }

  async function inFlight(proxied: ProxiedQueue, count: number): Promise<void> {
    await vi.waitFor(async () => {
      expect((await proxied.direct.stats(proxied.name)).inFlight).toBe(count);
    }, PATIENCE);
  }

  test("the messages of a worker that was killed by SIGKILL are redelivered within one lease", async () => {
    await using proxied = await fixture.proxiedQueue({ waitSeconds: 20 });
    const ids = await send(proxied, "endless", 10);
    const killed = await worker(proxied);
    await killed.logged("working", 10);
    // Waits until after the first extension, so that the kill leaves an extended lease.
    await new Promise((resolve) => setTimeout(resolve, (2 / 3) * LEASE_MS));
    killed.kill("SIGKILL");
    await killed.result;
    const since = Date.now();
    const handled = new Map<string, number>();
    const stop = proxied.receive(async ({ id }) => void handled.set(id, Date.now() - since));
    await vi.waitFor(() => expect(new Set(handled.keys())).toEqual(new Set(ids)), PATIENCE);
    const lastMs = Math.max(...handled.values());
    console.log(
      `after SIGKILL: the last of 10 was handled after ${lastMs} ms, with a lease of ${LEASE_MS} ms`,
    );
    // A second lease would end after twice this time.
    expect(lastMs).toBeLessThan(LEASE_MS + 10_000);
    await stop();
  });

  test("a worker that gets SIGTERM with ten buffered messages and an open poll releases all of them at once", async () => {
    await using proxied = await fixture.proxiedQueue({ waitSeconds: 20 });
    const ids = await send(proxied, "queued", 11);
    const stopped = await worker(proxied);
    await stopped.logged("working");
    await inFlight(proxied, 11);
    const polls = proxied.calls("ReceiveMessage", proxied.name).length;
    stopped.kill("SIGTERM");
    const since = Date.now();
    const handled = new Map<string, number>();
    const other = proxied.connect();
    const stop = new AbortController();
    const receiving = other.receive(
      proxied.name,
      async ({ id }) => void handled.set(id, Date.now() - since),
      {
        signal: stop.signal,
      },
    );
    // One more message, which the open poll of the stopping worker may take.
    ids.push(...(await send(proxied, "queued", 1)));
    const { code, log } = await stopped.result;
    const own = log.filter(({ msg }) => msg === "working").map(({ id }) => String(id));
    await vi.waitFor(() => expect(handled.size + own.length).toBe(12), PATIENCE);
    const lastMs = Math.max(...handled.values());
    console.log(
      `after SIGTERM: another worker had the last message after ${lastMs} ms; the worker ended after ${Date.now() - since} ms`,
    );
    expect(code).toBe(0);
    expect(own).toHaveLength(1);
    expect(new Set([...handled.keys(), ...own])).toEqual(new Set(ids));
    // No message waited for the end of its lease, or for a poll of twenty seconds.
    expect(lastMs).toBeLessThan(10_000);
    expect(polls).toBeGreaterThan(1);
    await inFlight(proxied, 0);
    stop.abort();
    await receiving;
  });
});
