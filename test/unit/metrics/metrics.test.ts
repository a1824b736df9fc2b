import { Counter, type OpenMetricsContentType, Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { channels } from "../../../src/diagnostics.ts";
import { isQueueError } from "../../../src/errors.ts";
import { createMetrics } from "../../../src/metrics/index.ts";
import {
  depths,
  job,
  parse,
  publishJob,
  publishRun,
  publishSend,
  samplesOf,
  scrape,
  statsQueue,
  withMetrics,
} from "./support.ts";

describe("createMetrics", () => {
  it("adds its metrics to the given registry, and removes only its own", async () => {
    const registry = new Registry();
    const own = new Counter({ name: "own_total", help: "own", registers: [registry] });
    const metrics = createMetrics({ registry });
    publishSend("mail");
    expect(metrics.registry).toBe(registry);
    expect((await scrape(metrics)).get('jobs_queued_total{queue="emails",type="mail"}')).toBe(1);
    metrics.close();
    metrics.close();
    expect(registry.getMetricsAsArray()).toEqual([own]);
    expect(Object.values(channels).map((channel) => channel.hasSubscribers)).toEqual([
      false,
      false,
      false,
      false,
      false,
    ]);
  });

  it("refuses a registry that already has its metrics, and leaves it unchanged", async () => {
    const registry = new Registry();
    await withMetrics({ registry }, (first) => {
      const names = registry.getMetricsAsArray().length;
      expect(() => createMetrics({ registry })).toThrow(/already has a metric/);
      expect(registry.getMetricsAsArray()).toHaveLength(names);
      first.close();
      const second = createMetrics({ registry });
      // A second close does not remove the metrics that were registered since.
      first.close();
      expect(registry.getMetricsAsArray()).toHaveLength(names);
      second.close();
    });
  });

  it.each([{ maxTypes: -1 }, { maxTypes: Number.NaN }])("refuses the options %o", (options) => {
    let thrown: unknown;
    try {
      createMetrics(options);
    } catch (error) {
      thrown = error;
    }
    expect(isQueueError(thrown, "invalid_options")).toBe(true);
  });

  it("counts the events of one queue only if `only` is set", () => {
    const only = statsQueue(() => Promise.resolve(depths({})));
    return withMetrics({ only }, async (metrics) => {
      publishSend("mail", {}, only);
      publishSend("mail");
      publishJob({ event: "started", job: job(), waitMs: 0 });
      expect(await samplesOf(metrics, "jobs_queued_total")).toEqual({ '{queue="emails",type="mail"}': 1 });
      expect(await samplesOf(metrics, "jobs_active")).toEqual({});
    });
  });

  it("is scraped in the OpenMetrics format", async () => {
    const registry = new Registry();
    // prom-client's types fix the format of a registry when it is made; `setContentType` does not.
    (registry as unknown as Registry<OpenMetricsContentType>).setContentType(
      Registry.OPENMETRICS_CONTENT_TYPE,
    );
    const metrics = createMetrics({ registry });
    publishRun({});
    const text = await registry.metrics();
    const { types, samples } = parse(text);
    expect(text).toMatch(/# EOF\n$/);
    expect(types.get("jobs_processed")).toBe("counter");
    expect(samples.get('jobs_processed_total{status="completed",type="mail"}')).toBe(1);
    metrics.close();
    expect(registry.getMetricsAsArray()).toEqual([]);
  });

  it("supports the JSON, the default labels and the reset of the registry", () =>
    withMetrics({}, async (metrics) => {
      publishRun({}, 10);
      metrics.registry.setDefaultLabels({ app: "shop" });
      expect((await scrape(metrics)).get('jobs_active{app="shop",queue="emails"}')).toBe(0);
      const all = await metrics.registry.getMetricsAsJSON();
      expect(all.find(({ name }) => name === "jobs_active")?.values).toEqual([
        { labels: { queue: "emails", app: "shop" }, value: 0 },
      ]);
      metrics.registry.resetMetrics();
      for (const [, value] of await scrape(metrics)) expect(value).toBe(0);
    }));
});
