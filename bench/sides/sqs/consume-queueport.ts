import { perform, startWorker, type Work } from "../job.ts";
import { type Count, Meter, options, type Span, tell } from "../side.ts";
import { type At, openQueueport } from "./sdk.ts";

/** Works off a backlog. */
const { concurrency, work, extent, ...at } = options() as At & {
  readonly concurrency: number;
  readonly work: Work;
  readonly extent: Count | Span;
};
const meter = new Meter(extent);
startWorker(openQueueport(at), concurrency, async ({ number }) => {
  await perform(work, number);
  meter.count();
});
tell(await meter.done);
