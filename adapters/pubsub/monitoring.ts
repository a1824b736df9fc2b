import type { MetricServiceClient } from "@google-cloud/monitoring";
import { DriverError } from "../../src/driver/index.ts";
import type { ConnectionOptions } from "./clients.ts";
import { driverError } from "./errors.ts";

/** A count, and when it held. */
export interface Backlog {
  readonly undelivered: number;
  /** Epoch milliseconds. */
  readonly asOf: number;
}

const METRIC = "pubsub.googleapis.com/subscription/num_undelivered_messages";
/** The metric is written each minute and is visible some four minutes later. */
const LOOK_BACK_SECONDS = 900;
const TIMEOUT_MS = 8_000;

/**
 * The backlog of a subscription by Cloud Monitoring: all that is not acknowledged, leased messages included, minutes
 * late. The package is loaded on first use.
 */
export class Monitoring {
  readonly #options: ConnectionOptions;
  #client: Promise<MetricServiceClient> | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** Undefined where nothing has been written for a while. `subscription` is the full name. */
  async backlog(subscription: string, now: number): Promise<Backlog | undefined> {
    const [, project = "", , id = ""] = subscription.split("/");
    const seconds = Math.floor(now / 1_000);
    try {
      this.#client ??= this.#open();
      const [series] = await (
        await this.#client
      ).listTimeSeries(
        {
          name: `projects/${project}`,
          filter: `metric.type = "${METRIC}" AND resource.labels.subscription_id = "${id}"`,
          interval: { startTime: { seconds: seconds - LOOK_BACK_SECONDS }, endTime: { seconds } },
          view: "FULL",
        },
        { timeout: TIMEOUT_MS, retry: null },
      );
      // The newest point comes first.
      const point = series[0]?.points?.[0];
      const value = point?.value?.int64Value;
      if (value === undefined || value === null) return undefined;
      return {
        undelivered: Number(value),
        asOf: Number(point?.interval?.endTime?.seconds ?? seconds) * 1_000,
      };
    } catch (error) {
      this.#client = undefined;
      throw driverError(error, "monitoring.timeSeries.list");
    }
  }

  async close(): Promise<void> {
    const client = await this.#client?.catch(() => undefined);
    await client?.close();
  }

  async #open(): Promise<MetricServiceClient> {
    const { projectId, credentials, keyFilename } = this.#options;
    try {
      const sdk = await import("@google-cloud/monitoring");
      return new sdk.MetricServiceClient({
        ...(projectId === undefined ? {} : { projectId }),
        ...(credentials === undefined ? {} : { credentials: { ...credentials } }),
        ...(keyFilename === undefined ? {} : { keyFilename }),
      });
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw cause;
      throw new DriverError(
        "permanent",
        "Counts by Cloud Monitoring need the package @google-cloud/monitoring, which is not installed. Install it: npm install @google-cloud/monitoring",
        { cause },
      );
    }
  }
}
