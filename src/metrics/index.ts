/**
 * Metrics of the queues and workers of this process, for Prometheus.
 * @module
 */
export { createMetrics } from "./metrics.ts";
export type { Metrics, MetricsOptions } from "./metrics.ts";
export type { CountedJobs, JobStatsOptions } from "./job-stats.ts";
export type { StatsOptions } from "./queue-stats.ts";
