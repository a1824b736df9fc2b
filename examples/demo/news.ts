import type { Colors } from "../../cmd/output.ts";
import type { JobInfo, Worker } from "../../src/index.ts";
import type { Tally } from "./tally.ts";

/** Tells, a line each, what became of the jobs of a worker. */
export function tellNews(worker: Worker, tally: Tally, colors: Colors, tell: (line: string) => void): void {
  const { dim, green, red, yellow } = colors;
  const line = (mark: string, job: JobInfo, rest = ""): void =>
    tell(`${mark} ${job.type.padEnd(20)} ${tally.about(job.id)}${rest === "" ? "" : dim(`  ${rest}`)}`);

  worker.on("completed", ({ job }) =>
    line(green("✓"), job, job.attempt === 1 ? "" : `on attempt ${job.attempt}`),
  );
  worker.on("retrying", ({ job, error, delayMs }) =>
    line(yellow("↻"), job, `${errorText(error)}; again in ${(delayMs / 1_000).toFixed(1)} s`),
  );
  worker.on("dead_lettered", ({ job, error, reason }) =>
    line(red("✗"), job, `${errorText(error)}; dead-lettered: ${reason}`),
  );
}

/** What went wrong, in its own words. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
