import { join } from "node:path";
import type { AdapterConfig } from "../config.ts";
import type { JobCrashPoint, JobRole } from "./points.ts";
import type { CrashStorePlace } from "./store.ts";

/** The script of the processes. Its argument is a {@link JobProcessConfig}. */
export const JOB_PROCESS: URL = new URL("./process.ts", import.meta.url);

/** The configuration of one process of a campaign with recorded jobs. Plain JSON. */
export interface JobProcessConfig {
  readonly role: JobRole;
  readonly adapter: AdapterConfig;
  /** The queue of the jobs. */
  readonly queue: string;
  /** Another queue, in which messages have ids of jobs of the first one. Undefined if there is none. */
  readonly otherQueue?: string | undefined;
  /** Folder with the database of the job store, the log and the archive. */
  readonly directory: string;
  /** The server of the job store; undefined if it is in the folder. */
  readonly redis?: CrashStorePlace["redis"];
  readonly namespace: string;
  readonly concurrency: number;
  readonly leaseMs: number;
  /** Probability that the answer of the store to a call is lost. */
  readonly lostAnswers: number;
  readonly seed: number;
  /** The point at which the process kills itself. `undefined`: it runs until it is done, or until SIGTERM. */
  readonly crash: JobCrashPoint | undefined;
  /** Whether the process is stopped at its point by SIGSTOP, once, instead of killed. */
  readonly freezes?: boolean | undefined;
  /** Whether the process dies as soon as it passes its point, and not only with some probability. */
  readonly isCertain?: boolean | undefined;
  /** The jobs that a sender sends: from the first, up to the last, which is excluded. */
  readonly send?:
    | { readonly from: number; readonly to: number; readonly again: readonly number[] }
    | undefined;
  /** Whether an operator only archives and deletes. */
  readonly archives?: boolean | undefined;
  /** The failed jobs that an operator only runs again from their records. */
  readonly retries?: readonly string[] | undefined;
}

/** The name of the other queue of a campaign. */
export function otherQueueOf(queue: string): string {
  return `${queue}-b`;
}

/** The file of the log in the folder of a campaign. */
export function logFileIn(directory: string): string {
  return join(directory, "jobs.log");
}

/** The file of the job store in the folder of a campaign. */
export function storeFileIn(directory: string): string {
  return join(directory, "jobs.db");
}

/** The types of jobs, each with its own outcome. */
export const jobTypes = {
  /** Succeeds. */
  plain: "plain",
  /** Fails twice, and is retried by a copy. */
  flaky: "flaky",
  /** Fails with a permanent error, and is dead-lettered. */
  failing: "failing",
  /** Fails with a permanent error, until an operator has mended what it needs. */
  broken: "broken",
  /** Fails as `broken` does, then once with an error that is retried {@link RELAPSE_MS} later, and then succeeds. */
  relapsing: "relapsing",
} as const;

/** Milliseconds until a job that has relapsed is tried again. */
export const RELAPSE_MS = 10_000;

/** The keys of messages that have the id of a job of the same number, and are in another queue. */
export const OTHER_KEYS = 1_000_000;

/** How a job is sent: `elsewhere` once more in another queue, `reused` with an id that other messages have. */
export type Sending = "plain" | "id" | "key" | "delayed" | "elsewhere" | "reused";

const SENDINGS: readonly Sending[] = [
  "plain",
  "plain",
  "plain",
  "plain",
  "id",
  "id",
  "key",
  "delayed",
  "elsewhere",
  "reused",
];

/** How the job of this number is sent, so that a sender that takes over sends it alike. */
export function sendingOf(number: number): Sending {
  return SENDINGS[number % SENDINGS.length] as Sending;
}

/** The id that the sender gives the job, if it does. Foreign producers use few ids again and again. */
export function idOf(number: number): string | undefined {
  const sending = sendingOf(number);
  if (sending === "id" || sending === "delayed" || sending === "elsewhere") return `order-${number}`;
  return sending === "reused" ? `user-${Math.floor(number / 10) % 7}` : undefined;
}

/** The type of the job of this number. */
export function typeOf(number: number): string {
  const share = (number * 7) % 20;
  if (sendingOf(number) === "reused" || sendingOf(number) === "elsewhere" || share < 12)
    return jobTypes.plain;
  if (share < 16) return jobTypes.flaky;
  return share < 18 ? jobTypes.failing : jobTypes.broken;
}
