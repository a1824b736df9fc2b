import { describe, expect, it } from "vitest";
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

  it("refuses settings without a queue or without a handlers module", () => {
    expect(() => workerSettings({ handlers: "a" }, {})).toThrow("No queue is named");
    expect(() => workerSettings({ queues: ["a"] }, {})).toThrow("No handlers module is named");
  });
});
