import type { Clock } from "../lib/clock.ts";
import type { ManagedQueue } from "../queue/managed-receive.ts";
import type { JobTypes } from "./job-types.ts";
import type { Records } from "./records.ts";
import type { Warn } from "./warnings.ts";

/** The parts that everything about jobs shares. */
export interface JobsContext {
  readonly queue: ManagedQueue;
  readonly records: Records;
  readonly namespace: string;
  readonly clock: Clock;
  readonly types: JobTypes;
  readonly warn: Warn;
}
