import { colorsFor } from "../lib/output.ts";

/** A display of how much of a long command is done. */
export interface Progress extends Disposable {
  update(done: number): void;
}

const hidden: Progress = { update() {}, [Symbol.dispose]() {} };

/** A progress bar on stderr; hidden with `quiet`, and if stderr is no terminal. Without `total`, only a counter. */
export async function progressBar(
  label: string,
  total: number | undefined,
  quiet: boolean = false,
): Promise<Progress> {
  if (quiet || !process.stderr.isTTY) return hidden;
  const { default: progress } = await import("cli-progress");
  const { cyan } = colorsFor(process.stderr);
  const figures = total === undefined ? "{value}" : "{bar} {value}/{total} · {duration_formatted}";
  const bar = new progress.SingleBar(
    { format: `${cyan(label)} ${figures}`, clearOnComplete: true, stream: process.stderr, hideCursor: true },
    progress.Presets.shades_classic,
  );
  bar.start(total ?? 0, 0);
  return {
    update(done) {
      // The total is exceeded if the provider's count is approximate, or if the queue grows.
      if (total !== undefined && done > bar.getTotal()) bar.setTotal(done);
      bar.update(done);
    },
    [Symbol.dispose]: () => bar.stop(),
  };
}
