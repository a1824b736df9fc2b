import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/support/longest-first.ts";

/**
 * Timeouts end tests that hang. A test that has to be quick measures its own time, since a busy machine starts a process in
 * ten seconds and may suspend one for three.
 */
const SECOND = 1_000;
const hookTimeout = 180 * SECOND;

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    reporters: ["default", "./test/support/server-skips.ts"],
    coverage: { provider: "v8", include: ["src/**", "adapters/**"] },
    projects: [
      {
        test: { name: "unit", include: ["test/unit/**/*.test.ts"], testTimeout: 60 * SECOND, hookTimeout },
      },
      {
        test: {
          name: "conformance",
          include: ["test/conformance/*.test.ts"],
          testTimeout: 180 * SECOND,
          hookTimeout,
          // High, since cases against a real server spend their time waiting.
          maxConcurrency: 16,
        },
      },
      {
        test: {
          name: "conformance-more",
          include: ["test/conformance/more/*.test.ts"],
          testTimeout: 180 * SECOND,
          hookTimeout,
          maxConcurrency: 16,
        },
      },
      {
        test: {
          name: "simulation",
          include: ["test/simulation/**/*.test.ts", "test/mutants/{*,unit/*}.test.ts"],
          testTimeout: 300 * SECOND,
          hookTimeout,
        },
      },
      {
        test: {
          name: "mutants",
          include: ["test/mutants/{contract,jobs}/*.test.ts"],
          testTimeout: 180 * SECOND,
          hookTimeout,
          // One process each, which takes a second of a core.
          maxConcurrency: 2,
        },
      },
      {
        test: { name: "crash", include: ["test/crash/**/*.test.ts"], testTimeout: 600 * SECOND, hookTimeout },
      },
      {
        test: {
          name: "fault",
          include: ["test/fault/**/*.test.ts"],
          testTimeout: 240 * SECOND,
          hookTimeout,
          maxConcurrency: 16,
        },
      },
      {
        test: {
          name: "journeys",
          include: ["test/journeys/*.test.ts"],
          testTimeout: 180 * SECOND,
          hookTimeout,
        },
      },
      {
        test: { name: "cmd", include: ["test/cmd/**/*.test.ts"], testTimeout: 180 * SECOND, hookTimeout },
      },
      {
        test: {
          name: "package",
          include: ["test/package/*.test.ts"],
          globalSetup: ["test/package/build.ts"],
          testTimeout: 300 * SECOND,
          hookTimeout,
        },
      },
      {
        test: {
          name: "package-slow",
          include: ["test/package/slow/*.test.ts"],
          globalSetup: ["test/package/build.ts"],
          testTimeout: 300 * SECOND,
          hookTimeout,
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
