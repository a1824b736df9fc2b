/**
 * Metrics for Prometheus, of every queue and worker of the process.
 * @module
 */
export { createMetrics } from "./metrics.ts";
export type { Metrics, MetricsOptions } from "./metrics.ts";
export type { StatsOptions } from "./queue-stats.ts";
