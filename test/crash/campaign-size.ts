import type { AdapterConfig } from "./config.ts";

/** The broker of a campaign, and how much happens on it. */
export interface CampaignSize {
  readonly adapter: AdapterConfig;
  /** Number of processes that are killed. */
  readonly kills: number;
  /** Number of jobs that are sent, at least. */
  readonly jobs: number;
  /** Seed of every random choice. @default 1 */
  readonly seed?: number | undefined;
  /** Worker processes at once. */
  readonly workers?: number | undefined;
  /** Handlers at once in each worker. @default 10 */
  readonly concurrency?: number | undefined;
  /** Milliseconds for which a message is leased. */
  readonly leaseMs?: number | undefined;
}
