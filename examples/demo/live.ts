import Table from "cli-table3";
import { createLogUpdate } from "log-update";
import type { QueueStats } from "../../src/index.ts";
import { colorsFor } from "../../cmd/lib/output.ts";
import { reportNews } from "./news.ts";
import type { Scene, View } from "./view.ts";

const FRAME_MS = 100;
const NEWS_LINES = 6;
/** The concurrency of reports, so that every running report has its line and the frame keeps its height. */
const REPORT_LINES = 3;
const BAR_CELLS = 36;

/** Draws a scene on the terminal: counts, progress and the latest events. */
export function drawLive({ queue, names, worker, tally, title, total }: Scene): View {
  const { bold, cyan, dim, green } = colorsFor(process.stdout);
  const screen = createLogUpdate(process.stdout);
  const news: string[] = [];
  const reports = new Map<string, string>();
  const counts = new Map<string, QueueStats>();

  reportNews(worker, tally, colorsFor(process.stdout), (line) => news.push(line));
  worker.on("progress", ({ job, percent, note }) =>
    reports.set(job.id, bar(`report ${tally.about(job.id)}`, percent / 100, cyan, note)),
  );
  for (const event of ["completed", "retrying", "dead_lettered"] as const) {
    worker.on(event, ({ job }) => reports.delete(job.id));
  }

  const draw = (): void => {
    const { completed, deadLettered } = tally.sums();
    const done = completed + deadLettered;
    const frame = [
      `${bold("queueport")} ${dim(title)}`,
      "",
      ...table(names, counts).split("\n"),
      "",
      bar("all jobs", done / total, green, `${done} of ${total}`),
      ...exactly(REPORT_LINES, [...reports.values()]),
      "",
      ...exactly(NEWS_LINES, news.slice(-NEWS_LINES)),
    ];
    screen(frame.map((line) => ` ${line}`).join("\n"));
  };

  const refresh = async (): Promise<void> => {
    // A failed count is ignored: the table is only for display, and must not end the demo.
    await Promise.allSettled(names.map(async (name) => counts.set(name, await queue.stats(name))));
    draw();
  };
  let refreshing: Promise<void> | undefined;
  const timer = setInterval(() => {
    refreshing ??= refresh().finally(() => (refreshing = undefined));
    draw();
  }, FRAME_MS);

  return {
    async close() {
      clearInterval(timer);
      await refreshing;
      await refresh();
      screen.done();
    },
  };
}

function table(names: readonly string[], counts: ReadonlyMap<string, QueueStats>): string {
  const rows = new Table({
    head: ["queue", "ready", "in flight", "delayed", "dead letters"],
    colWidths: [12, 10, 12, 10, 15],
    colAligns: ["left", "right", "right", "right", "right"],
    style: { head: [], border: [], compact: true },
  });
  for (const name of names) {
    const { messages, inFlight, delayed, failed } = counts.get(name) ?? {};
    rows.push([name, ...[messages, inFlight, delayed, failed].map((count) => count ?? "–")]);
  }
  return rows.toString();
}

function bar(label: string, part: number, color: (text: string) => string, note = ""): string {
  const filled = Math.round(Math.min(1, part) * BAR_CELLS);
  return `${label.padEnd(20)} ${color("█".repeat(filled))}${"░".repeat(BAR_CELLS - filled)} ${note}`;
}

function exactly(count: number, lines: readonly string[]): string[] {
  return Array.from({ length: count }, (_, index) => lines[index] ?? "");
}
