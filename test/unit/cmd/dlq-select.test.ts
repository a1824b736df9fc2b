import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openDeadLetters } from "../../../cmd/dlq/select.ts";
import { since } from "../../../cmd/lib/since.ts";

const { TZ } = process.env;
beforeEach(() => {
  process.env["TZ"] = "Asia/Tokyo";
});
afterEach(() => {
  if (TZ === undefined) delete process.env["TZ"];
  else process.env["TZ"] = TZ;
});

const AT = Date.UTC(2026, 10, 27, 8, 16);

it.each([
  ["2026-11-27 08:16:00Z", AT],
  ["2026-11-27 08:16:00", AT],
  ["2026-11-27T08:16", AT],
  ["2026-11-27T10:16+02:00", AT],
  ["2026-11-27", Date.UTC(2026, 10, 27)],
  ["2h", AT - 7_200_000],
  ["2h ago", AT - 7_200_000],
])("%s is the same time in every time zone", (text, expected) => {
  expect(since(text, undefined, AT).getTime()).toBe(expected);
});

it("the name of a dead-letter queue is answered with the queue that was meant", async () => {
  const folder = await mkdtemp(join(tmpdir(), "queueport-dlq-"));
  const config = join(folder, "queueport.config.json");
  await writeFile(config, '{ "provider": "memory", "strict": true }');
  await expect(openDeadLetters("orders-dlq.fifo", { config })).rejects.toMatchObject({
    code: "not_found",
    message: expect.stringMatching(/ Pass the queue that the messages came from: orders\.fifo\.$/),
  });
  await rm(folder, { recursive: true });
});
