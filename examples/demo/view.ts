import type { Queue, Worker } from "../../src/index.ts";
import { drawLive } from "./live.ts";
import { colorsFor } from "../../cmd/lib/output.ts";
import { reportNews } from "./news.ts";
import type { Tally } from "./tally.ts";

/** Everything that a view shows. */
export interface Scene {
  readonly queue: Queue;
  readonly names: readonly string[];
  readonly worker: Worker;
  readonly tally: Tally;
  readonly title: string;
  /** Number of jobs that will be sent. */
  readonly total: number;
}

/** A scene on the screen, until it is closed. */
export interface View {
  close(): Promise<void>;
}

/** Shows live counts on a terminal, and a plain log elsewhere. With `json`, stdout is reserved for the sums. */
export function show(scene: Scene, json: boolean): View {
  if (process.stdout.isTTY && !json) return drawLive(scene);
  const stream = json ? process.stderr : process.stdout;
  const startedAt = performance.now();
  stream.write(`queueport demo on ${scene.title}\n`);
  reportNews(scene.worker, scene.tally, colorsFor(stream), (line) => {
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(2);
    stream.write(`${seconds.padStart(6)} s  ${line}\n`);
  });
  return { close: async () => {} };
}

/** Prints the sums; with `json`, as the last line of stdout. */
export function printSums(tally: Tally, elapsedMs: number, json: boolean): void {
  const sums = tally.sums();
  if (json) {
    process.stdout.write(`${JSON.stringify(sums)}\n`);
    return;
  }
  const { sent, completed, retried, deadLettered } = sums;
  const { bold, dim, red } = colorsFor(process.stdout);
  const open = sent - completed - deadLettered;
  const left = open === 0 ? "" : ` + ${open} left in the queues`;
  const lines = [
    "",
    bold(`${sent} sent = ${completed} completed + ${deadLettered} dead-lettered${left}`),
    `each counted once by its id; ${retried} took a retry; ${(elapsedMs / 1_000).toFixed(1)} s`,
    ...tally.deadLetters.slice(0, 5).map((line) => `${red("✗")} ${line}`),
    dim("sent by examples/demo/service.ts, handled by examples/demo/worker.ts"),
  ];
  process.stdout.write(lines.map((line) => ` ${line}\n`).join(""));
}
