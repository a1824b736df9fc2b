import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { channels } from "../../../src/diagnostics.ts";
import { BUCKETS_SECONDS } from "../../../src/metrics/histogram.ts";
import {
  anySource,
  depths,
  job,
  parse,
  publishJob,
  publishReceive,
  publishRun,
  publishSend,
  statsQueue,
  withMetrics,
} from "./support.ts";

const doc = readFileSync(new URL("../../../docs/metrics.md", import.meta.url), "utf8");

/** The rows of the table of metrics: `| name | type | labels | meaning |`. */
const documented = doc
  .split("\n")
  .map((line) => /^\| `(\w+)` +\| (counter|gauge|histogram) +\| (.*?) +\|/.exec(line))
  .filter((row) => row !== null)
  .map(([, name = "", type = "", labels = ""]) => ({
    name,
    type,
    labels: labels.replaceAll("`", "").split(", "),
  }));

describe("docs/metrics.md", () => {
  it("lists exactly the metrics that exist, with their types and labels", () => {
    const stats = {
      queue: statsQueue(() => Promise.resolve(depths({ messages: 1 }))),
      names: ["emails"],
    };
    const jobs = {
      jobs: {
        health: () =>
          Promise.resolve({
            store: { name: "memory", reachable: true, journaled: 0, dropped: 0 },
            dispatchLagMs: 0,
            stalled: 0,
            unfinished: [{ queue: "emails", status: "queued", count: 1 }],
          }),
        workers: () => Promise.resolve([{ queues: ["emails"], slots: 10, runningCount: 1 }]),
      },
    };
    return withMetrics({ stats, jobs }, async (metrics) => {
      publishEverything();
      const { types, samples } = parse(await metrics.registry.metrics());
      expect(Object.fromEntries(documented.map(({ name, type }) => [name, type]))).toEqual(
        Object.fromEntries(types),
      );
      const missing = documented.filter(({ name, type, labels }) => {
        const series = type === "histogram" ? `${name}_count` : name;
        const names = labels.toSorted().map((label) => `${label}="[^"]*"`);
        const shape = new RegExp(`^${series}\\{${names.join(",")}\\}$`);
        const own = [...samples.keys()].filter((key) => key.startsWith(`${series}{`));
        return own.length === 0 || !own.every((key) => shape.test(key));
      });
      expect(missing).toEqual([]);
    });
  });

  it("lists the buckets of the histograms", () => {
    expect(doc).toContain(`${BUCKETS_SECONDS.slice(0, -1).join(", ")} and ${BUCKETS_SECONDS.at(-1)} seconds`);
  });

  it("has alerts that use metrics which exist", () => {
    const alerts = [...doc.matchAll(/expr: (.*)/g)].map(([, expression = ""]) => expression);
    expect(alerts).toHaveLength(3);
    const names = new Set(documented.map(({ name }) => name));
    const used = alerts.flatMap(
      (expression) => expression.match(/\b(?:jobs?|queue|worker|leases|settle)_\w+/g) ?? [],
    );
    expect(used).toHaveLength(3);
    for (const name of used) expect(names).toContain(name.replace(/_bucket$/, ""));
  });
});

function publishEverything(): void {
  channels.store.publish({
    store: "memory",
    source: anySource,
    operation: "apply",
    outcome: "ok",
    ms: 1,
    claims: ["run"],
    cancelled: { waiting: 1, running: 0 },
  });
  const error = new Error("no");
  publishSend("mail");
  publishSend("mail", { outcome: "unknown" });
  publishRun({});
  publishJob({ event: "released", job: job(), why: "drain", delayMs: 0 });
  publishJob({ event: "stuck", job: job(), runningMs: 1 });
  publishJob({ event: "late", job: job(), durationMs: 1 });
  publishReceive({ event: "polled", queue: "emails", at: 1, messages: 1 });
  publishReceive({
    event: "settle_failed",
    queue: "emails",
    id: "1",
    operation: "ack",
    error,
    kind: "transient",
  });
  channels.request.publish({
    provider: "memory",
    queue: "emails",
    source: anySource,
    operation: "send",
    outcome: "ok",
    messages: 1,
  });
}
