import type { Colors } from "../../cmd/lib/output.ts";
import type { JobInfo, Worker } from "../../src/index.ts";
import type { Tally } from "./tally.ts";

/** Prints one line for each job of a worker that is completed, retried or dead-lettered. */
export function reportNews(
  worker: Worker,
  tally: Tally,
  colors: Colors,
  print: (line: string) => void,
): void {
  const { dim, green, red, yellow } = colors;
  const line = (symbol: string, job: JobInfo, rest = ""): void =>
    print(`${symbol} ${job.type.padEnd(20)} ${tally.about(job.id)}${rest === "" ? "" : dim(`  ${rest}`)}`);

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

/** The message of anything that was thrown. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
