import { Command, Option } from "commander";
import { resolve } from "node:path";
import { openQueue } from "../../adapters/open.ts";
import type { Queue } from "../../src/queue/queue.ts";
import { Worker } from "../../src/worker/worker.ts";
import { type Loaded, loadConfig } from "../lib/config-file.ts";
import { exitCodes } from "../lib/exit-codes.ts";
import { registerHandlers } from "../lib/handlers-file.ts";
import { addSourceOptions, names, type SourceFlags } from "../lib/options.ts";
import { colorsFor, errorLine, print } from "../lib/output.ts";
import { addQueueOptions, type QueueFlags, wantedQueues } from "../lib/queues.ts";
import { clockFinding } from "./clock.ts";
import { type Finding, broken, ok } from "./finding.ts";
import { queueFindings } from "./queue-findings.ts";

interface DoctorFlags extends SourceFlags, QueueFlags {
  readonly handlers?: string;
  readonly json?: boolean;
}

/** `queueport doctor`: why nothing happens. */
export function doctorCommand(): Command {
  const command = new Command("doctor")
    .description("Find out what is wrong: one line each, with what mends it. Changes nothing.")
    .argument("[queue...]", "queues (default: worker.queues of the configuration)", names);
  return addQueueOptions(addSourceOptions(command))
    .addOption(new Option("-H, --handlers <file>", "handlers module to load").env("QUEUEPORT_HANDLERS"))
    .option("--json", "print JSON: every finding")
    .addHelpText(
      "after",
      `
Checks the configuration, that the provider's package is installed, the credentials, that queues exist with their
dead-letter and parking queues, policies that disagree with queueport's, the lease against the timeout, the handlers
module and the clock. With ✓ what is right, with ! what could be better, with ✗ what is broken: the exit code is then 1.

Example:
  $ queueport doctor emails reports`,
    )
    .action(async (given: readonly string[], flags: DoctorFlags) => {
      const findings = await examine(given, flags);
      if (flags.json) print(JSON.stringify(findings));
      else for (const finding of findings) print(findingLine(finding));
      if (findings.some(({ level }) => level === "broken")) process.exitCode = exitCodes.failure;
    });
}

/** What cannot be got over ends it: what comes after would only repeat it. */
async function examine(given: readonly string[], flags: DoctorFlags): Promise<Finding[]> {
  const findings: Finding[] = [];
  let config: Loaded;
  try {
    config = await loadConfig(flags);
    findings.push(ok(`configuration: provider ${config.queue.provider}`));
  } catch (error) {
    return [broken(`configuration: ${errorLine(error)}`, "correct it; docs/cli.md shows one")];
  }
  findings.push(...(await handlersFindings(flags.handlers, config)));
  let queue: Queue;
  try {
    queue = await openQueue(config.queue);
  } catch (error) {
    return [
      ...findings,
      broken(`provider ${config.queue.provider}: ${errorLine(error)}`, "see the line itself"),
    ];
  }
  try {
    const worker = flags.lease === undefined ? config.worker : { ...config.worker, leaseMs: flags.lease };
    for (const one of wantedQueues(given, config, flags))
      findings.push(...(await queueFindings(queue, one, worker)));
  } catch (error) {
    findings.push(broken(`queues: ${errorLine(error)}`, "name one after the command"));
  } finally {
    await queue.close();
  }
  return [...findings, await clockFinding(config.queue)];
}

async function handlersFindings(given: string | undefined, { worker }: Loaded): Promise<Finding[]> {
  const file = given === undefined ? worker.handlers : resolve(given);
  if (file === undefined) return [];
  await using queue = await openQueue({ provider: "memory" });
  const probe = new Worker(queue);
  try {
    await registerHandlers(file, probe);
    return [ok(`handlers: ${probe.registered.map(({ type }) => type).join(", ")}`)];
  } catch (error) {
    return [broken(`handlers: ${errorLine(error)}`, "correct the module; a worker would not start")];
  }
}

function findingLine({ level, what, mend }: Finding): string {
  const { green, yellow, red, dim } = colorsFor(process.stdout);
  if (level === "ok") return `${green("✓")} ${what}`;
  const mark = level === "warning" ? yellow("!") : red("✗");
  return `${mark} ${what}${mend === undefined ? "" : ` ${dim("→")} ${mend}`}`;
}
