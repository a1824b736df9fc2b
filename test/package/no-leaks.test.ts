import { expect, test } from "vitest";
import { application, runNode } from "./support.ts";

/** A program that uses queueport. A timer or a socket that queueport leaves open would keep its process alive. */
const program = `
  import { Worker } from "queueport";
  import { createMetrics } from "queueport/metrics";
  import { openQueue } from "queueport/open";

  const queue = await openQueue({ provider: "memory" });
  const metrics = createMetrics({ stats: { queue, names: ["emails"] } });
  const worker = new Worker(queue);
  const done = Promise.withResolvers();
  worker.register("fails_once", (message, { attempt }) => {
    if (attempt === 1) throw new Error("once");
    done.resolve();
  }, { backoff: { capMs: 1 } });
  const working = worker.run("emails");
  await queue.send("emails", { type: "fails_once", payload: {} });
  await queue.sendDelayed("emails", { type: "fails_once", payload: {} }, { days: 3 });
  await queue.send("emails", { type: "unknown", payload: {} });
  await done.promise;
  await metrics.registry.metrics();
`;

test.each([
  ["a worker that was stopped", "await worker.stop(); await queue.close();"],
  ["a queue that was closed under its worker", "await queue.close(); await working;"],
])("%s leaves nothing that keeps the process alive", async (_, ending) => {
  using app = application();
  const source = `${program}${ending} metrics.close();
    const closedAt = performance.now();
    process.on("exit", () => console.log(performance.now() - closedAt));`;
  const { code, stdout, stderr } = await runNode(["--input-type=module", "-e", source], { cwd: app.path });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/^[\d.]+\n$/);
  // The shortest timer that could be left takes five seconds.
  expect(Number(stdout)).toBeLessThan(4_000);
});

test("a queue that was opened and never used does not keep the process alive", async () => {
  using app = application();
  const source = `import { openQueue } from "queueport/open"; await openQueue({ provider: "memory" });`;
  expect((await runNode(["--input-type=module", "-e", source], { cwd: app.path })).code).toBe(0);
});
