import { QueueError } from "../../src/driver/index.ts";
import type { ConnectionOptions } from "./clients.ts";
import { driverError } from "./errors.ts";

/** The part of the library's `MetricServiceClient` that is used. */
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

/** A count and its time. */
export interface Backlog {
  readonly undelivered: number;
  /** The time of the count, in epoch milliseconds. */
  readonly asOf: number;
}

const METRIC = "pubsub.googleapis.com/subscription/num_undelivered_messages";
/** The time span that is read. The metric is written each minute and visible about four minutes later. */
const LOOK_BACK_SECONDS = 900;
const TIMEOUT_MS = 8_000;
/** Codes of a missing package, with `import` and with `require`. A bundle of Vite says "Could not resolve". */
const NOT_FOUND: ReadonlySet<unknown> = new Set(["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND"]);

/**
 * Reads the backlog of a subscription from Cloud Monitoring: the messages that are not acknowledged, leased ones
 * included. The count is minutes old. The package is loaded on first use.
 */
export class Monitoring {
  readonly #options: ConnectionOptions;
  readonly #given: MetricClient | undefined;
  #client: Promise<MetricClient> | undefined;

  /** @param given an injected client, which {@link close} leaves open */
  constructor(options: ConnectionOptions, given: MetricClient | undefined) {
    this.#options = options;
    this.#given = given;
  }

  /**
   * Reads the newest count. Undefined if none was written recently.
   * @param subscription the full name of the subscription
   */
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
      throw error instanceof QueueError ? error : driverError(error, "monitoring.timeSeries.list");
    }
  }

  async close(): Promise<void> {
    const client = await this.#client?.catch(() => undefined);
    await client?.close();
  }

  /** Opens the client. A failure is not cached, since credentials may be added later. */
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
      // In the first call, a failure would be permanent for the client, and an unhandled rejection as well.
      await client.initialize();
      return client;
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException;
      if (!NOT_FOUND.has(code) && !message.startsWith("Could not resolve")) throw cause;
      throw new QueueError(
        "missing_dependency",
        "Counts by Cloud Monitoring need the package @google-cloud/monitoring, which is not installed. Install it: npm install @google-cloud/monitoring",
        { cause },
      );
    }
  }
}
