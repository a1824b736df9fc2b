import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/support/longest-first.ts";

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    reporters: ["default", "./test/support/emulator-skips.ts"],
    coverage: { provider: "v8", include: ["src/**", "adapters/**"] },
    projects: [
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"] } },
      {
        test: {
          name: "conformance",
          include: ["test/conformance/**/*.test.ts"],
          testTimeout: 60_000,
          // Against a real server, cases spend their time waiting.
          maxConcurrency: 16,
        },
      },
      {
        test: {
          name: "simulation",
          include: ["test/simulation/**/*.test.ts", "test/mutants/**/*.test.ts"],
          testTimeout: 120_000,
        },
      },
      { test: { name: "crash", include: ["test/crash/**/*.test.ts"], testTimeout: 120_000 } },
      { test: { name: "fault", include: ["test/fault/**/*.test.ts"], testTimeout: 60_000 } },
      { test: { name: "cmd", include: ["test/cmd/**/*.test.ts"], testTimeout: 60_000 } },
      {
        test: {
          name: "package",
          include: ["test/package/**/*.test.ts"],
          globalSetup: ["test/package/build.ts"],
          testTimeout: 120_000,
        },
      },
      {
        test: {
          name: "types",
          include: [],
          typecheck: { enabled: true, only: true, include: ["test/types/**/*.test-d.ts"] },
        },
      },
    ],
  },
});
