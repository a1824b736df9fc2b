import type { Figures } from "../sides/side.ts";
import type { Contest, Rounds, Side } from "./contest.ts";
import { runSide, type Server, startServer } from "./process.ts";

/** Figures of which less is better. */
const LESS: ReadonlySet<string> = new Set(["cpuMicros", "medianMs", "p99Ms", "mib", "rssMiB", "requests"]);

/**
 * Runs all sides in turn, round after round: A B C A B C. A disturbance from outside then hits all of them alike.
 * Undefined where the server that it needs is not to be had.
 */
export async function hold(contest: Contest, rounds: number): Promise<Rounds | undefined> {
  const { server: wanted, sides } = contest;
  let started: Server | undefined;
  try {
    started = wanted === undefined ? undefined : await startServer(wanted.file);
  } catch (error) {
    if (wanted?.optional !== true) throw error;
    return undefined;
  }
  await using server = started;
  const run = (side: Side, settings: object): Promise<Figures> =>
    runAt(server, wanted?.fill ?? 0, side, settings);
  const best = new Map<string, object>();
  for (const side of sides) best.set(side.name, await bestOf(contest, side, run));
  const figures = new Map<string, Figures[]>(sides.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const side of sides) figures.get(side.name)?.push(await run(side, best.get(side.name) ?? {}));
  }
  return figures;
}

async function runAt(
  server: Server | undefined,
  fill: number,
  { file, execArgv }: Side,
  settings: object,
): Promise<Figures> {
  if (server === undefined) return runSide(file, settings, execArgv);
  await server.ask({ fill });
  const figures = await runSide(file, { ...settings, address: server.address }, execArgv);
  const { requests } = await server.ask({});
  return { requests: requests / figures.messages, ...figures };
}

/** Peers are shown at their best. */
async function bestOf(
  { shown = "rate" }: Contest,
  side: Side,
  run: (side: Side, settings: object) => Promise<Figures>,
): Promise<object> {
  const [first = {}, ...others] = side.settings;
  if (others.length === 0) return first;
  const sign = LESS.has(shown) ? -1 : 1;
  let best = { settings: first, value: Number.NEGATIVE_INFINITY };
  for (const settings of side.settings) {
    const value = sign * ((await run(side, settings))[shown] ?? Number.NaN);
    if (value > best.value) best = { settings, value };
  }
  return best.settings;
}
