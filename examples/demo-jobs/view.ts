import { createLogUpdate } from "log-update";
import { colorsFor } from "../../cmd/lib/output.ts";
import type { JobRecord } from "./client.ts";

const CELLS = 24;
const FRAME_MS = 80;

/** Shows the jobs of the demo. */
export interface View {
  /** Shows the state of the `index`th job. */
  show(job: JobRecord, index: number): void;
  close(): void;
}

/** One line for each change, for a log or a pipe. */
export function lines(stream: NodeJS.WriteStream): View {
  const { dim } = colorsFor(stream);
  const startedAt = performance.now();
  return {
    show(job) {
      const seconds = ((performance.now() - startedAt) / 1_000).toFixed(2).padStart(6);
      stream.write(`${dim(`${seconds} s  ${job.id.slice(-8)}`)}  ${textOf(job, stream)}\n`);
    },
    close() {},
  };
}

/** One line for each job with a bar, redrawn in place, for a terminal. */
export function bars(stream: NodeJS.WriteStream, count: number): View {
  const screen = createLogUpdate(stream);
  const { dim } = colorsFor(stream);
  const jobs = Array<JobRecord | undefined>(count).fill(undefined);
  const draw = (): void => {
    const width = Math.max(40, stream.columns ?? 80);
    screen(
      jobs
        .map((job) =>
          job === undefined ? dim("…") : `${barOf(job, stream)} ${textOf(job, stream, width - 28)}`,
        )
        .join("\n"),
    );
  };
  const timer = setInterval(draw, FRAME_MS);
  return {
    show(job, index) {
      jobs[index] = job;
    },
    close() {
      clearInterval(timer);
      draw();
      screen.done();
    },
  };
}

function barOf({ status, progress = 0 }: JobRecord, stream: NodeJS.WriteStream): string {
  const { dim } = colorsFor(stream);
  const filled = Math.round((CELLS * progress) / 100);
  return colorOf(status, stream)("█".repeat(filled)) + dim("░".repeat(CELLS - filled));
}

/** The type, the status and the reason of it, in at most `width` columns. */
function textOf(
  { type, status, progress, progress_message: message, error, retry_count: retries }: JobRecord,
  stream: NodeJS.WriteStream,
  width: number = Number.POSITIVE_INFINITY,
): string {
  const { dim } = colorsFor(stream);
  const percent = progress === undefined ? "" : ` ${progress}%`;
  const detail = (status === "processing" ? message : error?.message) ?? "";
  const again = retries > 0 && status === "completed" ? "at the second attempt" : detail;
  const plain = `${type.padEnd(17)} ${status}${percent} `;
  const room = Math.max(0, width - plain.length);
  const shown = again.length > room ? `${again.slice(0, Math.max(0, room - 1))}…` : again;
  return `${type.padEnd(17)} ${colorOf(status, stream)(status)}${percent} ${dim(shown)}`.trimEnd();
}

function colorOf(status: string, stream: NodeJS.WriteStream): (text: string) => string {
  const { red, green, yellow, cyan } = colorsFor(stream);
  const colors: Readonly<Record<string, (text: string) => string>> = {
    processing: cyan,
    retrying: yellow,
    completed: green,
    failed: red,
    cancelled: yellow,
  };
  return colors[status] ?? ((text) => text);
}
