import type { Figures } from "../contenders/measure.ts";
import type { Benchmark, Contender, Rounds } from "./benchmark.ts";
import { runContender, type Server, startServer } from "./process.ts";

/** Figures of which less is better. */
const LESS: ReadonlySet<string> = new Set(["cpuMicros", "medianMs", "p99Ms", "mib", "rssMiB", "requests"]);

/**
 * Runs all contenders in turn, round after round: A B C A B C. A disturbance from outside then affects all of them.
 *
 * @returns The figures, or undefined if an optional server does not start.
 */
export async function runRounds(benchmark: Benchmark, count: number): Promise<Rounds | undefined> {
  const { server: wanted, contenders } = benchmark;
  let started: Server | undefined;
  try {
    started = wanted === undefined ? undefined : await startServer(wanted.file);
  } catch (error) {
    if (wanted?.optional !== true) throw error;
    return undefined;
  }
  await using server = started;
  const run = (contender: Contender, settings: object): Promise<Figures> =>
    runWith(server, wanted?.fill ?? 0, contender, settings);
  const best = new Map<string, object>();
  for (const contender of contenders) best.set(contender.name, await bestSettings(benchmark, contender, run));
  const figures = new Map<string, Figures[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < count; round += 1) {
    for (const contender of contenders)
      figures.get(contender.name)?.push(await run(contender, best.get(contender.name) ?? {}));
  }
  return figures;
}

async function runWith(
  server: Server | undefined,
  fill: number,
  { file, execArgv }: Contender,
  settings: object,
): Promise<Figures> {
  if (server === undefined) return runContender(file, settings, execArgv);
  await server.ask({ fill });
  const figures = await runContender(file, { ...settings, address: server.address }, execArgv);
  const { requests } = await server.ask({});
  return { requests: requests / figures.messages, ...figures };
}

/** Finds the settings with the best figure, so that every contender is measured at its best. */
async function bestSettings(
  { shown = "rate" }: Benchmark,
  contender: Contender,
  run: (contender: Contender, settings: object) => Promise<Figures>,
): Promise<object> {
  const [first = {}, ...others] = contender.settings;
  if (others.length === 0) return first;
  const sign = LESS.has(shown) ? -1 : 1;
  let best = { settings: first, value: Number.NEGATIVE_INFINITY };
  for (const settings of contender.settings) {
    const value = sign * ((await run(contender, settings))[shown] ?? Number.NaN);
    if (value > best.value) best = { settings, value };
  }
  return best.settings;
}
