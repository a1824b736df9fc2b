import type { KnownKeys } from "../errors.ts";
import type {
  DeadLetterFilter,
  DiscardOptions,
  GroupsOptions,
  ListOptions,
  RedriveOptions,
} from "../queue/dead-letters.ts";
import type { EnsureOptions, PumpOptions, SendOptions } from "../queue/queue.ts";
import type { ReceiveOptions } from "../queue/receive.ts";

/** The options of the methods of a queue. */
export const sendKeys: KnownKeys<SendOptions> = {
  deadlineMs: true,
  signal: true,
  delay: true,
  cancellable: true,
  transaction: true,
};

export const receiveKeys: KnownKeys<ReceiveOptions> = {
  signal: true,
  concurrency: true,
  leaseMs: true,
  extendEveryMs: true,
  backoff: true,
  drainMs: true,
  graceMs: true,
  maxAttempts: true,
  allowUncounted: true,
  onEvent: true,
};

export const ensureKeys: KnownKeys<EnsureOptions> = { ordering: true, maxAttempts: true, leaseMs: true };

export const pumpKeys: KnownKeys<PumpOptions> = { signal: true, onEvent: true };

const filterKeys: KnownKeys<DeadLetterFilter> = {
  ids: true,
  type: true,
  reason: true,
  fingerprint: true,
  since: true,
  until: true,
};

/** The options of the methods of dead letters. A misspelt filter would select every dead letter. */
export const listKeys: KnownKeys<ListOptions> = { ...filterKeys, limit: true, signal: true };

export const groupsKeys: KnownKeys<GroupsOptions> = { ...filterKeys, signal: true, onProgress: true };

export const redriveKeys: KnownKeys<RedriveOptions> = {
  ...filterKeys,
  signal: true,
  onProgress: true,
  dryRun: true,
  to: true,
  transform: true,
  ratePerSecond: true,
  onMessage: true,
};

export const discardKeys: KnownKeys<DiscardOptions> = {
  ...filterKeys,
  signal: true,
  onProgress: true,
  dryRun: true,
  where: true,
};
