import { describe, expect, it } from "vitest";
import type { StatsOptions } from "../../../src/metrics/index.ts";
import type { QueueStats } from "../../../src/queue/queue.ts";
import { depths, ManualClock, samplesOf, scrape, statsQueue, withMetrics } from "./support.ts";

describe("queue_messages", () => {
  it("has no sample for a state that the provider does not report", () => {
    const queue = statsQueue(() =>
      Promise.resolve(depths({ messages: 0, inFlight: 3, backlog: 3, failed: 1 })),
    );
    return withMetrics({ stats: { queue, names: ["emails"] } }, async (metrics) => {
      expect(await samplesOf(metrics, "queue_messages")).toEqual({
        '{queue="emails",state="ready"}': 0,
        '{queue="emails",state="in_flight"}': 3,
        '{queue="emails",state="backlog"}': 3,
        '{queue="emails",state="failed"}': 1,
      });
      expect(await samplesOf(metrics, "queue_stats_errors_total")).toEqual({ '{queue="emails"}': 0 });
    });
  });

  it("is read from the provider once in maxAgeMs, even by concurrent scrapes", () => {
    const clock = new ManualClock();
    const asked: string[] = [];
    const queue = statsQueue((name) => {
      asked.push(name);
      return Promise.resolve(depths({ messages: asked.length }));
    });
    const stats: StatsOptions = { queue, names: ["emails", "reports"], maxAgeMs: 1_000 };
    return withMetrics({ clock, stats }, async (metrics) => {
      expect(asked).toEqual([]);
      await Promise.all([scrape(metrics), scrape(metrics)]);
      clock.advance(999);
      await scrape(metrics);
      expect(asked).toEqual(["emails", "reports"]);
      clock.advance(1);
      expect(await samplesOf(metrics, "queue_messages")).toMatchObject({
        '{queue="emails",state="ready"}': 3,
      });
      clock.setTime(-60_000);
      clock.advance(1_000);
      await scrape(metrics);
      expect(asked).toHaveLength(6);
      expect(clock.pending).toBe(0);
    });
  });

  it("has no samples of a queue whose counts cannot be read, and the rest of the scrape succeeds", () => {
    const clock = new ManualClock();
    let down = false;
    const queue = statsQueue((name) => {
      if (down && name === "emails") throw new Error("unreachable");
      return Promise.resolve(depths({ messages: 7 }));
    });
    return withMetrics({ clock, stats: { queue, names: ["emails", "reports"] } }, async (metrics) => {
      await scrape(metrics);
      down = true;
      clock.advance(10_000);
      // The same scrape contains the gap and the error.
      const samples = await scrape(metrics);
      expect(samples.has('queue_messages{queue="emails",state="ready"}')).toBe(false);
      expect(samples.get('queue_messages{queue="reports",state="ready"}')).toBe(7);
      expect(samples.get('queue_stats_errors_total{queue="emails"}')).toBe(1);
      down = false;
      clock.advance(10_000);
      expect((await scrape(metrics)).get('queue_messages{queue="emails",state="ready"}')).toBe(7);
    });
  });

  it("does not wait for a provider that hangs, and has one call to it at a time", () => {
    const clock = new ManualClock();
    const hanging: ((stats: QueueStats) => void)[] = [];
    const queue = statsQueue(() => new Promise((resolve) => hanging.push(resolve)));
    const stats = { queue, names: ["emails"], timeoutMs: 100, maxAgeMs: 0 };
    return withMetrics({ clock, stats }, async (metrics) => {
      const errorsAfterTimeout = async (): Promise<number | undefined> => {
        const scraped = scrape(metrics);
        clock.advance(100);
        return (await scraped).get('queue_stats_errors_total{queue="emails"}');
      };
      expect(await errorsAfterTimeout()).toBe(1);
      expect(await errorsAfterTimeout()).toBe(2);
      expect(hanging).toHaveLength(1);
      const scraped = scrape(metrics);
      hanging[0]?.(depths({ messages: 1 }));
      expect((await scraped).get('queue_messages{queue="emails",state="ready"}')).toBe(1);
    });
  });
});
