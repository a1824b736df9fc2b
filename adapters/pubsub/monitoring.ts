import { DriverError } from "../../src/driver/index.ts";
import type { ConnectionOptions } from "./clients.ts";
import { driverError } from "./errors.ts";

/** What is used of the library's `MetricServiceClient`, which is one. */
export interface MetricClient {
  listTimeSeries(
    request: {
      readonly name: string;
      readonly filter: string;
      readonly interval: { readonly startTime: Seconds; readonly endTime: Seconds };
      readonly view: "FULL";
    },
    options: { readonly timeout: number; readonly retry: null },
  ): Promise<[readonly TimeSeries[], ...unknown[]]>;
  close(): Promise<void>;
}

interface Seconds {
  readonly seconds: number;
}

interface TimeSeries {
  readonly points?: readonly Point[] | null;
}

interface Point {
  readonly value?: { readonly int64Value?: unknown } | null;
  readonly interval?: { readonly endTime?: { readonly seconds?: unknown } | null } | null;
}

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
  readonly #given: MetricClient | undefined;
  #client: Promise<MetricClient> | undefined;

  /** One that is given is left open by `close`. */
  constructor(options: ConnectionOptions, given: MetricClient | undefined) {
    this.#options = options;
    this.#given = given;
  }

  /** Undefined where nothing has been written for a while. `subscription` is the full name. */
  async backlog(subscription: string, now: number): Promise<Backlog | undefined> {
    const [, project = "", , id = ""] = subscription.split("/");
    const seconds = Math.floor(now / 1_000);
    try {
      const client = this.#given ?? (await this.#opened());
      const [series] = await client.listTimeSeries(
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
      throw driverError(error, "monitoring.timeSeries.list");
    }
  }

  async close(): Promise<void> {
    const client = await this.#client?.catch(() => undefined);
    await client?.close();
  }

  /** A failure is not kept: credentials may come later. */
  #opened(): Promise<MetricClient> {
    if (this.#client === undefined) {
      const opening = this.#open();
      opening.catch(() => {
        if (this.#client === opening) this.#client = undefined;
      });
      this.#client = opening;
    }
    return this.#client;
  }

  async #open(): Promise<MetricClient> {
    const { projectId, credentials, keyFilename } = this.#options;
    try {
      const sdk = await import("@google-cloud/monitoring");
      const client = new sdk.MetricServiceClient({
        ...(projectId === undefined ? {} : { projectId }),
        ...(credentials === undefined ? {} : { credentials: { ...credentials } }),
        ...(keyFilename === undefined ? {} : { keyFilename }),
      });
      // Left to the first call, a failure is the client's for good, and beside that a rejection that nobody handles.
      await client.initialize();
      return client;
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
