import type { Timing } from "../../../src/conformance/index.ts";

/**
 * What a machine can keep to that has other things to do. A lease outlives a process that stands still for three
 * seconds, extended as it is at a third of its time.
 */
export const onBusyMachine: Partial<Timing> = {
  leaseMs: 8_000,
  lateMs: 3_000,
  patienceMs: 90_000,
  caseMs: 600_000,
};
