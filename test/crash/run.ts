import { parseArgs } from "node:util";
import { backends } from "./backends.ts";
import { crash } from "./campaign.ts";

/** One death duplicates what was in hand, and no more than that: as many as handlers run at once. */
const MOST_DUPLICATES = 10;

const USAGE = `npm run test:crash -- [adapter] [--kills 100] [--jobs 3000] [--seed 1] [--json]

Kills worker processes at named points and counts what became of every job. Adapters: ${Object.keys(backends).join(", ")}`;

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
  const open = more.length === 0 && Object.hasOwn(backends, name) ? backends[name] : undefined;
  if (open === undefined) {
    console.error(USAGE);
    return 2;
  }
  const running = await open();
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
