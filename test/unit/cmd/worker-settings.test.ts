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
  it("takes the file where no flag is given", () => {
    expect(workerSettings(file, {})).toMatchObject({
      queues: ["emails"],
      handlers: "/app/jobs.ts",
      options: { concurrency: 3, timeoutMs: 1_000 },
      metricsPort: 1,
      host: "0.0.0.0",
    });
  });

  it("lets flags win, a port of 0 too", () => {
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

  it("needs queues and handlers", () => {
    expect(() => workerSettings({ handlers: "a" }, {})).toThrow("No queue to work on");
    expect(() => workerSettings({ queues: ["a"] }, {})).toThrow("No handlers");
  });
});
