import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { fixture, main } from "./run.ts";

/** Enough names that their output does not fit into a pipe. */
const MANY = Array.from({ length: 2_000 }, (_, index) => `queue-with-a-name-${index}`);

it("a command prints all of its output to a slow reader", async () => {
  const args = [main, "stats", ...MANY, "--provider", "memory", "--json"];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  // Longer than a command stays alive after its end.
  await Promise.race([exited, sleep(4_000)]);
  expect(JSON.parse(await text(child.stdout))).toHaveLength(MANY.length);
  expect(await exited).toEqual([0, null]);
});

it("a command whose output is closed continues, and exits with the code of its result", async () => {
  const args = [main, "doctor", "jobs", "--provider", "memory", "--handlers", fixture("throws.ts")];
  const read = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "ignore"] });
  const closed = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  closed.stdout.destroy();
  closed.stderr.destroy();
  const [[expected], [code]] = await Promise.all([once(read, "exit"), once(closed, "exit")]);
  expect([expected, code]).toEqual([1, 1]);
});

it("stats --watch ends when its output is closed", async () => {
  const args = [main, "stats", "jobs", "--provider", "memory", "--watch", "--interval", "50ms"];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  child.stdout.destroy();
  expect(await once(child, "exit")).toEqual([0, null]);
});
