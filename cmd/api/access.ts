import { readFileSync } from "node:fs";
import { describeError, QueueError } from "../../src/errors.ts";
import { bearerTokens, type JobsApiOptions } from "../../web/api/index.ts";

/** The settings that say who may use the API. */
export interface AccessSettings {
  readonly host: string;
  /** Whether requests need a token: false after `--no-auth`. */
  readonly auth: boolean;
  /** The file of `--token-file`. */
  readonly tokenFile?: string | undefined;
  /** The value of `QUEUEPORT_API_TOKEN`. */
  readonly token?: string | undefined;
  /** The file of `jobs.api.token_file`. */
  readonly configuredFile?: string | undefined;
}

/**
 * Says who may use the API: the owners of a token; without one, programs of this machine, if only they reach it.
 * @throws QueueError `config` when other machines would reach an API that asks for no token, or the token cannot be used
 */
export function accessOf({
  host,
  auth,
  tokenFile,
  token,
  configuredFile,
}: AccessSettings): Pick<JobsApiOptions, "authorize" | "open"> {
  if (!auth) {
    if (tokenFile !== undefined)
      throw new QueueError("config", "--no-auth and --token-file exclude each other; leave one of them out.");
    return { open: "anywhere" };
  }
  const found = tokenOf(tokenFile, token, configuredFile);
  // A caller without a name: a new token must not make another key of an Idempotency-Key.
  if (found !== undefined) return { authorize: bearerTokens({ [found]: { role: "admin" } }) };
  if (isLoopbackAddress(host)) return { open: true };
  throw new QueueError(
    "config",
    `The API would be open to everybody who reaches ${host}. Set QUEUEPORT_API_TOKEN or --token-file, listen on 127.0.0.1, or pass --no-auth if a proxy authorizes the requests.`,
  );
}

function tokenOf(flag: string | undefined, variable: string | undefined, configured: string | undefined) {
  if (flag !== undefined) return firstLine(flag);
  const token = variable?.trim() ?? "";
  if (token !== "") return token;
  if (configured !== undefined) return firstLine(configured);
  if (variable === undefined) return undefined;
  // A secret that did not arrive must not open the API.
  throw new QueueError("config", "QUEUEPORT_API_TOKEN is set and empty; set it to the token, or unset it.");
}

function firstLine(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new QueueError("config", `The token file cannot be read: ${describeError(cause)}.`, { cause });
  }
  const [line = ""] = text.split(/\r?\n/);
  if (line.trim() !== "") return line.trim();
  throw new QueueError("config", `The first line of the token file ${file} is empty; it has the token.`);
}

/** Whether only this machine reaches a server that listens on the address. */
export function isLoopbackAddress(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}
