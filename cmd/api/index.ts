import { Command, Option } from "commander";
import type { ConfigParts } from "../../adapters/config-file.ts";
import { type AuditEvent, jobsApi, serveApi } from "../../web/api/index.ts";
import { loadConfig } from "../lib/config-file.ts";
import { addHelp } from "../lib/help.ts";
import { memoryWarning, openConfiguredJobs, requireJobs } from "../lib/open.ts";
import {
  addConfigOptions,
  addHandlersOption,
  addJsonOption,
  type ConfigFlags,
  type HandlersFlags,
  type JsonFlags,
  whole,
} from "../lib/options.ts";
import { errorLine, print, warn } from "../lib/output.ts";
import { onSignals } from "../lib/signals.ts";
import { loadDefinitions } from "../send/definitions.ts";
import { accessOf } from "./access.ts";

interface ApiFlags extends ConfigFlags, JsonFlags, Omit<HandlersFlags, "handlers"> {
  readonly handlers?: string | false;
  readonly host?: string;
  readonly port?: number;
  readonly tokenFile?: string;
  readonly auth: boolean;
  readonly anyType?: boolean;
}

/** `queueport api`: a process that serves the REST API of the recorded jobs. */
export function apiCommand(): Command {
  const command = new Command("api")
    .summary("Serve the REST API of recorded jobs")
    .description(
      `Serves the REST API of the jobs that the configuration records, until SIGTERM or SIGINT. It runs no handlers: workers do, in other processes that share the queue and the job store.

Requests need the header Authorization: Bearer <token>. The token is the first line of --token-file, or QUEUEPORT_API_TOKEN. Without a token, the API serves programs of this machine, and listens on no other address.`,
    )
    .optionsGroup("Server:")
    .addOption(
      new Option("-p, --port <port>", "port; 0 selects a free port (default: jobs.api.port, or 8080)")
        .env("QUEUEPORT_API_PORT")
        .argParser(whole(0, 65_535)),
    )
    .addOption(
      new Option(
        "--host <address>",
        "address that the server listens on (default: jobs.api.host, or 127.0.0.1)",
      ).env("QUEUEPORT_API_HOST"),
    )
    .optionsGroup("Access:")
    .option("--token-file <file>", "file with the token in its first line (default: jobs.api.token_file)")
    .option("--no-auth", "serve everybody who reaches the server, for a proxy that authorizes requests")
    .optionsGroup("Jobs:")
    .option("--any-type", "send jobs of types that neither a definition nor a live worker knows");
  addHandlersOption(command);
  command.option("--no-handlers", "use no job definitions of a handlers module");
  addConfigOptions(command);
  addJsonOption(command, "the address, and each change that was asked for,");
  return addHelp(command, {
    examples: ["queueport api", "queueport api --host 0.0.0.0 --token-file /run/secrets/queueport"],
    exitCodes: {
      0: "a signal ended the server",
      1: "the job store cannot be reached",
    },
    hasSignals: true,
  }).action(runApi);
}

async function runApi(flags: ApiFlags): Promise<void> {
  const config = await loadConfig(flags);
  const { api = {} } = requireJobs(config);
  const host = flags.host ?? api.host ?? "127.0.0.1";
  const access = accessOf({
    host,
    auth: flags.auth,
    tokenFile: flags.tokenFile,
    token: process.env["QUEUEPORT_API_TOKEN"],
    configuredFile: api.token_file,
  });
  using interrupt = onSignals();
  const { definitions } = await loadDefinitions(flags.handlers, config.worker);
  await using jobs = await openConfiguredJobs(config, { definitions });
  const warning = memoryWarning(jobs.queue);
  if (warning !== undefined) warn(warning);
  const handler = jobsApi(jobs, {
    ...access,
    anyType: flags.anyType ?? false,
    queues: queuesOf(config),
    onError: (error) => warn(errorLine(error)),
    onAudit: (event) => print(flags.json ? JSON.stringify(event) : auditLine(event)),
  });
  await using server = await serveApi(handler, { host, port: flags.port ?? api.port ?? 8_080 });
  const url = `${server.url}/api/v1`;
  print(flags.json ? JSON.stringify({ url }) : `serving ${url}${accessText(access.open)}; Ctrl-C ends it.`);
  await new Promise<void>((resolve) => {
    if (interrupt.signal.aborted) resolve();
    interrupt.signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** The queues of a configuration, by their logical names. */
function queuesOf({ worker, jobs }: ConfigParts): string[] {
  return [...new Set([...(worker.queues ?? []), ...Object.keys(jobs?.queues ?? {})])].filter(
    (name) => name !== "default",
  );
}

function accessText(open: boolean | "anywhere" | undefined): string {
  if (open === undefined) return "";
  return open === "anywhere" ? " to everybody" : " to this machine, without a token";
}

function auditLine({ method, path, status, operation, name }: AuditEvent): string {
  return `${method} ${path} ${status} ${operation}${name === undefined ? "" : ` by ${name}`}`;
}
