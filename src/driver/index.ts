/**
 * The interface for adapters, and the parts of queueport that an adapter may use.
 *
 * @example
 * import { createQueue } from "queueport";
 * import { type Driver, DriverError, systemClock } from "queueport/driver";
 *
 * export function myDriver(options: MyOptions): Driver {
 *   return new MyDriver(options);
 * }
 *
 * const queue = createQueue(myDriver({ url: "https://queues.example" }));
 *
 * @module
 */
export type {
  Admin,
  Attributes,
  Body,
  Delivery,
  Driver,
  DriverSendOptions,
  DriverStats,
  OpenOptions,
  Operation,
  Outgoing,
  QueueChange,
  QueueSpec,
  SendResult,
  SettleResult,
  Source,
} from "./contract.ts";
export { DriverError, type ErrorKind } from "./error.ts";
export type { Limits, QueueTraits } from "./limits.ts";
export {
  checkName,
  NameClaims,
  ownerQueue,
  reservedNameProblem,
  siblingQueue,
  type SiblingSuffix,
  siblingSuffixes,
} from "./names.ts";
export { durationOption, numberOption, type OptionRange } from "./options.ts";
export { type PollRequest, PollRunner } from "./poll-runner.ts";
export { type PollingOptions, type PollingSource, pollingSource } from "./polling-source.ts";
export { rejectOnAbort, sendUntilAborted } from "./requests.ts";
export { driverScope } from "./scope.ts";
export { messageBytes } from "./size.ts";
export { type Claim, type WakingOptions, type WakingSource, wakingSource } from "./waking-source.ts";
export { type Clock, LONGEST_TIMEOUT_MS, sleep, systemClock, type Timer } from "../lib/clock.ts";
export { type Duration, durationMs, optionalMs } from "../lib/duration.ts";
export { allEnded } from "../lib/wait.ts";
export { type Member, InFlightSet } from "../lib/in-flight-set.ts";
export { type Timed, TimerHeap } from "../lib/timer-heap.ts";
export { checkKeys, type KnownKeys, QueueError, type ErrorCode, type QueueErrorDetails } from "../errors.ts";
