import type { Timing } from "../../../src/conformance/index.ts";

/**
 * Times for a machine that runs other tests too. A lease is extended at a third of its length, so that one of 8 s
 * outlives a process that stands still for three seconds.
 */
export const onBusyMachine: Partial<Timing> = {
  leaseMs: 8_000,
  lateMs: 3_000,
  patienceMs: 90_000,
  caseMs: 600_000,
};
