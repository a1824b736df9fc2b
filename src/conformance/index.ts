/**
 * What every adapter must do, as cases that any test runner can run.
 * @module
 */
export { type Capabilities, capabilitiesOf } from "./capabilities.ts";
export type { ConformanceCase, Group } from "./case.ts";
export { conformanceCases, manifest } from "./cases.ts";
export type { Declared, Harness, HarnessFaults, QueueNeeds, Timing, VirtualClock } from "./harness.ts";
export type { Line } from "./manifest.ts";
export {
  type CaseResult,
  declare,
  runCase,
  runConformance,
  type RunOptions,
  summarize,
  type Summary,
} from "./run.ts";
