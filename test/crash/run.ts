import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ServiceBusProcess } from "../support/service-bus.ts";
import { clientOptions, startSqsServer } from "../support/sqs-server.ts";
import { crash } from "./campaign.ts";
import type { AdapterConfig } from "./config.ts";

/** One death duplicates what was in hand, and no more than that: as many as handlers run at once. */
const MOST_DUPLICATES = 10;

const USAGE = `npm run test:crash -- [adapter] [--kills 100] [--jobs 3000] [--seed 1] [--json]

Kills worker processes at named points and counts what became of every job. Adapters: directory, service-bus, sqs`;

/** Where the messages are kept meanwhile, and how to put it away. */
async function backend(
  name: string,
): Promise<{ adapter: AdapterConfig; close: () => Promise<void> } | undefined> {
  if (name === "directory") {
    const path = await mkdtemp(join(tmpdir(), "queueport-"));
    return { adapter: { name, options: { path } }, close: () => rm(path, { recursive: true }) };
  }
  if (name === "sqs") {
    const server = await startSqsServer();
    const options = { ...clientOptions(server), waitSeconds: 1 };
    return { adapter: { name, options }, close: () => server.close() };
  }
  if (name === "service-bus") {
    const dataDir = await mkdtemp(join(tmpdir(), "queueport-"));
    const server = await ServiceBusProcess.start({ dataDir });
    const { connectionString } = server;
    const close = async (): Promise<void> => {
      await server.kill();
      await rm(dataDir, { recursive: true });
    };
    return { adapter: { name, options: { connectionString } }, close };
  }
  return undefined;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      kills: { type: "string", default: "100" },
      jobs: { type: "string", default: "3000" },
      seed: { type: "string", default: "1" },
      json: { type: "boolean", default: false },
    },
  });
  const [name = "directory", ...more] = positionals;
  const running = more.length === 0 ? await backend(name) : undefined;
  if (running === undefined) {
    console.error(USAGE);
    return 2;
  }
  const [kills, jobs, seed] = [Number(values.kills), Number(values.jobs), Number(values.seed)];
  const startedAt = performance.now();
  try {
    const verdict = await crash({
      adapter: running.adapter,
      kills,
      jobs,
      seed,
      concurrency: MOST_DUPLICATES,
    });
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
    const { lost, undercounted, ...figures } = verdict;
    console.log(`${name}, seed ${seed}, ${seconds} s`);
    console.log({ ...figures, lost: lost.length, undercounted: undercounted.length });
    for (const line of [...lost.map((id) => `lost: ${id}`), ...undercounted]) console.log(line);
    if (values.json) console.log(JSON.stringify({ adapter: name, seed, ...verdict }));
    const most = MOST_DUPLICATES * Object.values(verdict.kills).reduce((sum, count) => sum + count, 0);
    if (verdict.duplicates > most)
      console.log(`too many duplicates: at most ${most} are explained by the kills`);
    return lost.length === 0 && undercounted.length === 0 && verdict.duplicates <= most ? 0 : 1;
  } finally {
    await running.close();
  }
}

process.exitCode = await main();
