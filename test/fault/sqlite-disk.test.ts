import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sqlite } from "../../adapters/sqlite/index.ts";
import { createQueue } from "../../src/client/create-queue.ts";
import { isQueueError } from "../../src/errors.ts";

/** A small disk. Only root may create one, so the test is skipped for others. */
let directory: string;
let isMounted = false;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "queueport-disk-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=6m", "tmpfs", directory], { stdio: "ignore" });
    isMounted = true;
  } catch {
    // Not root, or no permission to mount.
  }
});
afterAll(() => {
  if (isMounted) execFileSync("umount", [directory]);
  rmSync(directory, { recursive: true, force: true });
});

test("a full disk refuses sends as queue_full, and what was accepted is handled once there is space again", async (context) => {
  context.skip(!isMounted, "this user may not mount a small disk");
  const filler = join(directory, "filler");
  writeFileSync(filler, new Uint8Array(3_000_000));
  const queue = createQueue(sqlite({ path: join(directory, "queues.db") }), { sendDeadlineMs: 2_000 });
  const accepted = new Set<string>();
  let refusal: unknown;
  while (refusal === undefined) {
    const messages = Array.from({ length: 50 }, () => ({ type: "job", payload: "x".repeat(500) }));
    for (const outcome of await queue.sendBatch("jobs", messages)) {
      if (outcome.ok) accepted.add(outcome.id);
      else refusal = outcome.error;
    }
  }
  expect(isQueueError(refusal, "queue_full")).toBe(true);
  expect((refusal as Error).message).toContain("the disk is full");
  expect(accepted.size).toBeGreaterThan(500);
  expect(await queue.stats("jobs")).toMatchObject({ messages: accepted.size });

  const handled: string[] = [];
  const failures: string[] = [];
  const stop = new AbortController();
  const receiving = queue.receive("jobs", ({ id }) => void handled.push(id), {
    signal: stop.signal,
    onEvent: (event) => event.event === "poll_failed" && failures.push(event.kind),
  });
  // The claims fail meanwhile, and are tried again.
  await expect.poll(() => failures.length, { timeout: 10_000 }).toBeGreaterThan(0);
  rmSync(filler);
  await expect.poll(() => handled.length, { timeout: 30_000 }).toBe(accepted.size);
  stop.abort();
  await receiving;
  expect(new Set(failures)).toEqual(new Set(["transient"]));
  expect(new Set(handled)).toEqual(accepted);
  await queue.send("jobs", { type: "job", payload: null });
  await queue.close();
}, 90_000);
