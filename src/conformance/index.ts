/**
 * The conformance suite: everything that an adapter must do, as cases that any test runner can run.
 *
 * Bindings for test runners are `queueport/conformance/vitest` and `queueport/conformance/node-test`.
 * @module
 */
export { type Capabilities, capabilitiesOf } from "./capabilities.ts";
export type { ConformanceCase, Group } from "./case.ts";
export { conformanceCases, manifest, type ProvenRequirement } from "./cases/index.ts";
export { ConformanceRun, type HarnessSource, type Summary } from "./conformance-run.ts";
export { type Cutter, type CutterTarget, startCutter } from "./cutter.ts";
export type {
  Declared,
  Harness,
  HarnessFaults,
  QueueNeeds,
  TestTransaction,
  Timing,
  VirtualClock,
} from "./harness.ts";
export type { Requirement } from "./manifest.ts";
export { runConformance, type RunOptions } from "./run.ts";
export type { CaseResult } from "./run-case.ts";
