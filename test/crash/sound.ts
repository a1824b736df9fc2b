import { pointsOf } from "./points.ts";
import type { Verdict } from "./verdict.ts";

/**
 * What is wrong with a campaign's end, as sentences: a job that is lost or undercounted, a point that nobody was killed
 * at, more duplicates than what was in hand at each death. To a worker, a server that dies is a death too: `more` of
 * them.
 */
export function faultsOf(verdict: Verdict, concurrency: number, more = 0, delayStore?: string): string[] {
  const { lost, undercounted, completed, deadLettered, duplicates, jobs } = verdict;
  const kills = Object.values(verdict.kills).reduce((sum, count) => sum + count, 0);
  const most = (kills + more) * concurrency;
  return [
    ...lost.map((id) => `lost: ${id}`),
    ...undercounted.map((line) => `undercounted: ${line}`),
    ...pointsOf(delayStore)
      .filter((point) => verdict.kills[point] === 0)
      .map((point) => `no kill: ${point}`),
    ...(completed > 0 && deadLettered > 0 ? [] : ["not every way to end was taken"]),
    ...(completed + deadLettered >= jobs ? [] : [`${completed} and ${deadLettered} of ${jobs} have ended`]),
    ...(duplicates <= most ? [] : [`${duplicates} duplicates; at most ${most} are explained`]),
  ];
}
