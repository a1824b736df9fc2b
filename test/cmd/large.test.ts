import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { sqs } from "../../adapters/sqs/index.ts";
import { createQueue } from "../../src/client/create-queue.ts";
import { clientOptions, startSqsServer } from "../support/sqs-server.ts";
import { queueport } from "./run.ts";

/** Number of dead letters. QUEUEPORT_TEST_LARGE=100000 was run as well. */
const COUNT = Number(process.env["QUEUEPORT_TEST_LARGE"] ?? 6_000);
const BATCH = 2_000;
/** Heap limit in MB. 100,000 dead letters of 4 KB each do not fit into it. */
const HEAP_MB = 80;

it(
  `groups and redrive process ${COUNT} dead letters in ${HEAP_MB} MB of memory`,
  { timeout: 900_000 },
  async () => {
    await using server = await startSqsServer();
    const directory = await mkdtemp(join(tmpdir(), "queueport-"));
    const options = { ...clientOptions(server), waitSeconds: 1 };
    await writeFile(
      join(directory, "queueport.config.json"),
      JSON.stringify({ provider: "sqs", ...options }),
    );
    await using queue = createQueue(sqs(options));
    await queue.ensure("big");
    // Fills the dead-letter queue by its name, which a connection that uses "big" must not do.
    await using filler = createQueue(sqs(options));
    const text = "x".repeat(4_000);
    for (let sent = 0; sent < COUNT; sent += BATCH) {
      const messages = Array.from({ length: BATCH }, (_, index) => ({
        type: "welcome",
        payload: { index: sent + index, text },
      }));
      const outcomes = await filler.sendBatch("big-dlq", messages, { deadlineMs: 300_000 });
      expect(outcomes.every(({ ok }) => ok)).toBe(true);
    }
    const env = { NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}` };
    const run = (...args: string[]): ReturnType<typeof queueport>["result"] =>
      queueport(["dlq", ...args, "--json"], { cwd: directory, env }).result;
    const groups = await run("groups", "big");
    expect(groups).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(groups.stdout)).toMatchObject([{ count: COUNT, reason: "broker" }]);
    const redriven = await run("redrive", "big", "--type", "welcome");
    expect(redriven).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(redriven.stdout)).toMatchObject({ matched: COUNT, redriven: COUNT, failed: 0 });
    expect(await queue.stats("big")).toMatchObject({ messages: COUNT, failed: 0 });
    await rm(directory, { recursive: true });
  },
);
