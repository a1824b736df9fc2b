import { perform, startWorker, type Work } from "../job.ts";
import { Meter, options, tell } from "../side.ts";
import { type At, openQueueport } from "./sdk.ts";

/** Works off a backlog. */
const { concurrency, warmUp, messages, work, ...at } = options() as At & {
  readonly concurrency: number;
  readonly warmUp: number;
  readonly messages: number;
  readonly work: Work;
};
const meter = new Meter(warmUp, messages);
startWorker(openQueueport(at), concurrency, async ({ number }) => {
  await perform(work, number);
  meter.count();
});
tell(await (work === "none" ? meter.done : meter.during(1_500, 3_000)));
