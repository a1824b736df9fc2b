import { colorsFor } from "../lib/output.ts";

/** What shows how far a long piece of work has come. */
export interface Progress extends Disposable {
  update(done: number): void;
}

const nothing: Progress = { update() {}, [Symbol.dispose]() {} };

/** A bar on stderr where that is a terminal; elsewhere, and with `quiet`, nothing. `total` may not be known. */
export async function progressBar(
  label: string,
  total: number | undefined,
  quiet: boolean = false,
): Promise<Progress> {
  if (quiet || !process.stderr.isTTY) return nothing;
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
      // Counts are approximate where the provider's are, and queues grow.
      if (total !== undefined && done > bar.getTotal()) bar.setTotal(done);
      bar.update(done);
    },
    [Symbol.dispose]: () => bar.stop(),
  };
}
