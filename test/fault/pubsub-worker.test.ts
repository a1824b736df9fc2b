import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { queueport } from "../cmd/run.ts";
import { root, runNode } from "../package/support.ts";
import { PubsubFixture } from "../support/pubsub-fixture.ts";
import { ON_EMULATOR, pubsubEmulatorMissing } from "../support/pubsub-emulator.ts";

const missing = await pubsubEmulatorMissing();
if (missing !== undefined) console.warn(`SKIPPED: workers of the pubsub adapter. ${missing}`);

const HANDLERS = fileURLToPath(new URL("fixtures/jobs.ts", import.meta.url));
const LEASE_MS = 10_000;
const PATIENCE = { timeout: 90_000, interval: 20 };

/** Workers in processes of their own, as deployed. */
describe.skipIf(missing !== undefined)(ON_EMULATOR, () => {
  let fixture: PubsubFixture;
  let directory: string;
  beforeAll(async () => {
    fixture = await PubsubFixture.start();
    directory = await mkdtemp(join(tmpdir(), "queueport-worker-"));
  });
  afterAll(async () => {
    await fixture[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });

  async function worker(name: string, lease = "10s"): Promise<ReturnType<typeof queueport>> {
    const config = join(directory, `${name}.json`);
    await writeFile(config, JSON.stringify({ provider: "pubsub", waitSeconds: 2, ...fixture.address }));
    const args = ["--queue", name, "--handlers", HANDLERS, "--concurrency", "10", "--lease", lease];
    return queueport(["worker", "--config", config, ...args]);
  }

  async function send(name: string, type: string, count: number): Promise<string[]> {
    const messages = Array.from({ length: count }, (_, payload) => ({ type, payload }));
    const outcomes = await fixture.queue.sendBatch(name, messages);
    return outcomes.map(({ id }) => String(id));
  }

  /** Receives with another worker until `end` resolves. Returns the time of each message, in milliseconds from now. */
  async function handledUntil(
    name: string,
    end: (handled: ReadonlyMap<string, number>) => Promise<unknown>,
  ): Promise<Map<string, number>> {
    const since = Date.now();
    const handled = new Map<string, number>();
    const stop = fixture.receive(name, async ({ id }) => void handled.set(id, Date.now() - since));
    await end(handled);
    await stop();
    return handled;
  }

  test("a worker that gets SIGTERM during a handler exits after the acknowledgement, and the job does not run again", async () => {
    const name = await fixture.makeQueue("none", LEASE_MS);
    await send(name, "brief", 1);
    const acks = fixture.proxy.count("Subscriber/Acknowledge");
    const stopped = await worker(name);
    await stopped.logged("working");
    stopped.kill("SIGTERM");
    const { code, log } = await stopped.result;
    expect(code).toBe(0);
    expect(log.map(({ msg }) => msg)).toContain("worked");
    expect(fixture.proxy.count("Subscriber/Acknowledge") - acks).toBe(1);
    expect(await handledUntil(name, () => sleep(LEASE_MS + 3_000))).toEqual(new Map());
  });

  test("a worker that gets SIGTERM releases the messages that it has not started", async () => {
    const name = await fixture.makeQueue("none", 6 * LEASE_MS);
    const ids = await send(name, "queued", 10);
    const stopped = await worker(name, "60s");
    await stopped.logged("working");
    stopped.kill("SIGTERM");
    let own: string[] = [];
    const handled = await handledUntil(name, async (handledSoFar) => {
      const { code, log } = await stopped.result;
      expect(code).toBe(0);
      own = log.filter(({ msg }) => msg === "working").map(({ id }) => String(id));
      await vi.waitFor(() => expect(handledSoFar.size + own.length).toBe(ids.length), PATIENCE);
    });
    expect(new Set([...handled.keys(), ...own])).toEqual(new Set(ids));
    expect(handled.size + own.length).toBe(ids.length);
    expect(Math.max(...handled.values())).toBeLessThan(3 * LEASE_MS);
  });

  test("the messages of a worker that was killed by SIGKILL are redelivered within one lease", async () => {
    const name = await fixture.makeQueue("none", LEASE_MS);
    const ids = await send(name, "endless", 10);
    const killed = await worker(name);
    await killed.logged("working", 10);
    killed.kill("SIGKILL");
    await killed.result;
    const handled = await handledUntil(name, (handledSoFar) =>
      vi.waitFor(() => expect(new Set(handledSoFar.keys())).toEqual(new Set(ids)), PATIENCE),
    );
    // A pull of the killed worker may stay open at the emulator for two seconds. A second lease would take ten more.
    expect(Math.max(...handled.values())).toBeLessThan(2 * LEASE_MS);
  });

  test("the demo ends with the same counts as on memory", async () => {
    const args = [join(root, "examples/demo/main.ts"), "--day-seconds", "0.5", "--json"];
    const config = ["--config", join(root, "examples/pubsub.config.ts")];
    const env = { PUBSUB_EMULATOR_HOST: fixture.address.emulatorHost };
    const { code, stdout, stderr } = await runNode([...args, ...config], { env, timeoutMs: 180_000 });
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    expect(JSON.parse(stdout)).toEqual({ sent: 40, completed: 39, retried: 7, deadLettered: 1 });
  });
});
