import type { DriverConfig, QueueConfig } from "../../adapters/open.ts";
import { broken, type Finding, ok, warning } from "./finding.ts";

const ANSWER_MS = 5_000;
/** Mean error of the `date` header, which has whole seconds. */
const HALF_SECOND_MS = 500;
const NOTICEABLE_MS = 2_000;
/**
 * Smallest difference at which signed requests are refused. AWS refuses most requests after five minutes:
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-signing.html
 */
const REFUSED_MS = 300_000;

/** The difference between this machine's clock and the provider's, which is in the headers of its answers. */
export async function clockFinding(config: QueueConfig | DriverConfig): Promise<Finding> {
  const url = timeUrl(config);
  if (url === undefined) return ok("clock: this provider has no clock of its own");
  const host = URL.parse(url)?.host;
  if (host === undefined) {
    return broken(`clock: not compared, because ${url} is no URL`, "correct the host in the configuration");
  }
  let skewMs: number | undefined;
  try {
    skewMs = await skewTo(url);
  } catch {
    return ok(`clock: not compared, because ${host} did not answer`);
  }
  if (skewMs === undefined) return ok(`clock: not compared, because ${host} sends no time`);
  const seconds = Math.round(skewMs / 1_000);
  const what = `clock: ${Math.abs(seconds)} s ${seconds < 0 ? "behind" : "ahead of"} the provider's`;
  const fix = "set this machine's clock, for instance by NTP; delays are calculated with it";
  if (Math.abs(skewMs) > REFUSED_MS) return broken(what, fix);
  if (Math.abs(skewMs) > NOTICEABLE_MS) return warning(what, fix);
  return ok("clock: within 2 s of the provider's");
}

/** The part of the difference that the duration of the request cannot explain. Positive if this machine is ahead. */
async function skewTo(url: string): Promise<number | undefined> {
  const askedAt = Date.now();
  const { headers } = await fetch(url, { method: "HEAD", signal: AbortSignal.timeout(ANSWER_MS) });
  const halfTripMs = (Date.now() - askedAt) / 2;
  const providerTime = Date.parse(headers.get("date") ?? "");
  if (Number.isNaN(providerTime)) return undefined;
  const skewMs = askedAt + halfTripMs - (providerTime + HALF_SECOND_MS);
  return Math.sign(skewMs) * Math.max(0, Math.abs(skewMs) - halfTripMs);
}

/** A URL at which the provider answers over HTTP; undefined if it does not. */
export function timeUrl(config: QueueConfig | DriverConfig): string | undefined {
  const { env } = process;
  switch (config.provider) {
    case "sqs": {
      const region = config.region ?? env["AWS_REGION"] ?? env["AWS_DEFAULT_REGION"];
      return config.endpoint ?? (region === undefined ? undefined : `https://sqs.${region}.amazonaws.com/`);
    }
    case "pubsub": {
      const emulator = config.emulatorHost ?? env["PUBSUB_EMULATOR_HOST"];
      return emulator === undefined
        ? `https://${config.apiEndpoint ?? "pubsub.googleapis.com"}/`
        : `http://${emulator}/`;
    }
    case "service-bus": {
      const { connectionString = "", namespace } = config;
      const host = /Endpoint=sb:\/\/([^/;]+)/i.exec(connectionString)?.[1] ?? namespace;
      const isLocal = /UseDevelopmentEmulator=true/i.test(connectionString);
      return host === undefined ? undefined : `${isLocal ? "http" : "https"}://${host}/`;
    }
    default:
      return undefined;
  }
}
