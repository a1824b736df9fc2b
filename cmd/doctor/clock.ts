import type { QueueConfig } from "../../adapters/config.ts";
import { type Finding, broken, ok, warning } from "./finding.ts";

const ANSWER_MS = 5_000;
/** The header tells whole seconds. */
const HALF_SECOND = 500;
const NOTICEABLE_MS = 2_000;
/** Signed requests are refused beyond about this. */
const REFUSED_MS = 300_000;

/** How far this machine's clock is off the provider's, as its answers tell the time. */
export async function clockFinding(config: QueueConfig): Promise<Finding> {
  const url = timeUrl(config);
  if (url === undefined) return ok("clock: there is no other to compare it with");
  let skewMs: number | undefined;
  try {
    skewMs = await skewTo(url);
  } catch {
    return ok(`clock: ${new URL(url).host} could not be asked for the time`);
  }
  if (skewMs === undefined) return ok(`clock: ${new URL(url).host} does not tell the time`);
  const seconds = Math.round(skewMs / 1_000);
  const what = `clock: ${Math.abs(seconds)} s ${seconds < 0 ? "behind" : "ahead of"} the provider's`;
  const mend = "set this machine's clock, by NTP for instance; delays are reckoned by it";
  if (Math.abs(skewMs) > REFUSED_MS) return broken(what, mend);
  if (Math.abs(skewMs) > NOTICEABLE_MS) return warning(what, mend);
  return ok("clock: within 2 s of the provider's");
}

async function skewTo(url: string): Promise<number | undefined> {
  const askedAt = Date.now();
  const { headers } = await fetch(url, { method: "HEAD", signal: AbortSignal.timeout(ANSWER_MS) });
  const now = (askedAt + Date.now()) / 2;
  const told = Date.parse(headers.get("date") ?? "");
  return Number.isNaN(told) ? undefined : now - (told + HALF_SECOND);
}

/** Where the provider answers over HTTP. */
export function timeUrl(config: QueueConfig): string | undefined {
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
