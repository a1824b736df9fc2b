import { Command } from "commander";
import { openQueue } from "../../adapters/open.ts";
import { inspectProvider } from "../../adapters/registry.ts";
import type { Queue } from "../../src/queue/queue.ts";
import { Worker } from "../../src/worker/worker.ts";
import type { ConfigParts } from "../../adapters/config-file.ts";
import { loadConfig } from "../lib/config-file.ts";
import { exitCodes } from "../lib/exit-codes.ts";
import { findHandlers, registerHandlers } from "../lib/handlers-file.ts";
import { addHelp } from "../lib/help.ts";
import {
  addConfigOptions,
  addHandlersOption,
  addJsonOption,
  type ConfigFlags,
  type HandlersFlags,
  type JsonFlags,
} from "../lib/options.ts";
import { memoryWarning } from "../lib/open.ts";
import { errorLine, print } from "../lib/output.ts";
import { addQueueOptions, addQueuesArgument, type QueueFlags, queueTargets } from "../lib/queues.ts";
import { clockFinding } from "./clock.ts";
import { broken, type Finding, findingLine, ok, warning } from "./finding.ts";
import { queueFindings } from "./queue-findings.ts";
import { storeFindings } from "./store-findings.ts";

interface DoctorFlags extends ConfigFlags, HandlersFlags, JsonFlags, QueueFlags {}

/** `queueport doctor`: checks that jobs can be sent and run. */
export function doctorCommand(): Command {
  const command = new Command("doctor")
    .summary("Check the configuration, the queues and this machine")
    .description(
      `Checks the configuration, the provider's package, the credentials, the handlers module, the job store, this machine's clock, and for each queue: that it exists with its dead-letter queue and delay queue, that its policies are what queueport needs, that deliveries are counted, and that the lease suits the timeout. Changes nothing.

Each check is one line: ✓ is correct, ! could be better, ✗ is broken. The fix follows after an arrow.`,
    );
  addQueuesArgument(command).optionsGroup("Jobs:");
  addHandlersOption(command);
  addQueueOptions(command);
  addConfigOptions(command);
  addJsonOption(command, "every finding");
  return addHelp(command, {
    examples: ["queueport doctor emails reports"],
    exitCodes: { 0: "nothing is broken", 1: "something is broken" },
  }).action(runDoctor);
}

async function runDoctor(given: readonly string[], flags: DoctorFlags): Promise<void> {
  const findings: Finding[] = [];
  // Printed one by one, since a check of a provider that does not answer takes its time.
  for await (const finding of examine(given, flags)) {
    findings.push(finding);
    if (!flags.json) print(findingLine(finding));
  }
  if (flags.json) print(JSON.stringify(findings));
  if (findings.some(({ level }) => level === "broken")) process.exitCode = exitCodes.failure;
}

// Runs all checks. Ends at a problem that would make every later check fail as well.
async function* examine(given: readonly string[], flags: DoctorFlags): AsyncGenerator<Finding> {
  let config: ConfigParts;
  try {
    config = await loadConfig(flags);
  } catch (error) {
    yield broken(`configuration: ${errorLine(error)}`, "correct it; docs/cli.md has an example");
    return;
  }
  const { provider } = config.queue;
  yield ok(`configuration: ${provider === undefined ? "a driver of its own" : `provider ${provider}`}`);
  yield* await handlersFindings(flags, config);
  let queue: Queue;
  try {
    queue = await openQueue(config.queue);
  } catch (error) {
    yield broken(`provider ${provider ?? ""}: ${errorLine(error)}`, "solve that, and run this again");
    return;
  }
  if (provider === undefined) yield ok(`provider ${queue.provider}: opened`);
  const inMemory = memoryWarning(queue);
  if (inMemory !== undefined)
    yield warning(`provider memory: ${inMemory}`, "choose another provider to share queues");
  try {
    const worker = flags.lease === undefined ? config.worker : { ...config.worker, leaseMs: flags.lease };
    for (const target of queueTargets(given, config, flags))
      yield* await queueFindings(queue, target, worker);
  } catch (error) {
    yield broken(`queues: ${errorLine(error)}`, "queueport doctor <queue>");
  } finally {
    await queue.close();
  }
  yield* await providerFindings(config.queue);
  yield* await storeFindings(config);
  yield await clockFinding(config.queue);
}

/** The findings of the adapter about its server or its file. */
async function providerFindings(config: ConfigParts["queue"]): Promise<readonly Finding[]> {
  if (config.provider === undefined) return [];
  try {
    return (await inspectProvider(config)) ?? [];
  } catch (error) {
    return [broken(`provider ${config.provider}: ${errorLine(error)}`, "solve that, and run this again")];
  }
}

async function handlersFindings(flags: HandlersFlags, { worker }: ConfigParts): Promise<Finding[]> {
  const file = findHandlers(flags, worker);
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
