import { describe, expect, it } from "vitest";
import type { WorkerConfig } from "../../../adapters/open.ts";
import type { InMs } from "../../../src/lib/duration.ts";
import { workerSettings } from "../../../cmd/worker/settings.ts";

const file = {
  queues: ["emails"],
  handlers: "/app/jobs.ts",
  concurrency: 3,
  timeoutMs: 1_000,
  metricsPort: 1,
};

describe("workerSettings", () => {
  it("takes a setting from the file if its flag is not given", () => {
    expect(workerSettings(file, {})).toMatchObject({
      queues: ["emails"],
      handlers: "/app/jobs.ts",
      options: { concurrency: 3, timeoutMs: 1_000 },
      metricsPort: 1,
      host: "0.0.0.0",
    });
  });

  it("prefers a flag to the file, even if its value is 0 or false", () => {
    const flags = {
      queue: ["a", "b", "a"],
      concurrency: 20,
      drain: 0,
      metricsPort: 0,
      host: "::1",
      pretty: false,
    };
    expect(workerSettings(file, flags)).toMatchObject({
      queues: ["a", "b"],
      options: { concurrency: 20, timeoutMs: 1_000, drainMs: 0 },
      metricsPort: 0,
      host: "::1",
      logging: { pretty: false },
    });
  });

  it("passes on every setting of the file, and prefers every flag to it", () => {
    const all: Required<InMs<WorkerConfig>> = {
      queues: ["emails"],
      ordered: ["orders.fifo"],
      handlers: "/app/jobs.ts",
      concurrency: 1,
      timeoutMs: 2,
      graceMs: 3,
      hardLimitMs: 4,
      leaseMs: 5,
      extendEveryMs: 6,
      drainMs: 7,
      backoff: { baseMs: 8 },
      unknownTypeMaxAgeMs: 9,
      allowUncounted: true,
      metricsPort: 10,
      host: "10.0.0.1",
      logLevel: "warn",
      pretty: true,
    };
    const { queues, ordered: _ordered, handlers, metricsPort, host, logLevel, pretty, ...options } = all;
    const settings = { queues, handlers, metricsPort, host, logging: { level: logLevel, pretty }, options };
    expect(workerSettings(all, {})).toEqual(settings);
    const flags = {
      queue: ["b"],
      handlers: "/b.ts",
      concurrency: 11,
      timeout: 12,
      grace: 13,
      lease: 14,
      drain: 15,
      metricsPort: 16,
      host: "::1",
      logLevel: "debug",
      pretty: false,
    } as const;
    expect(workerSettings(all, flags)).toEqual({
      queues: ["b"],
      handlers: "/b.ts",
      metricsPort: 16,
      host: "::1",
      logging: { level: "debug", pretty: false },
      options: { ...options, concurrency: 11, timeoutMs: 12, graceMs: 13, leaseMs: 14, drainMs: 15 },
    });
  });

  it("refuses settings without a queue or without a handlers module", () => {
    expect(() => workerSettings({ handlers: "a" }, {})).toThrow("No queue is named");
    expect(() => workerSettings({ queues: ["a"] }, {})).toThrow("No handlers module is named");
  });

  it("refuses queues of which one is reserved for another, before anything is received", () => {
    expect(() => workerSettings(file, { queue: ["orders", "orders-high"] })).toThrow(
      'queues: "orders-high" is reserved for the priorities of "orders"',
    );
  });
});
