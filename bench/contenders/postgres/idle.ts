import { messageOf, startWorker } from "../job.ts";
import { markHandled, roundTrips } from "../load.ts";
import { type Count, options, report } from "../measure.ts";
import { type At, openQueueport, runGraphile, sender } from "./clients.ts";

/**
 * Measures the time from the call of `send` to the first line of the handler on an idle queue. The sender is the queue of the
 * worker, or has connections of its own, as another process has: a notification of the database then wakes the worker.
 */
const { by, address, sharesQueue, warmUp, messages } = options() as At &
  Count & { readonly sharesQueue: boolean };
const queue = by === "queueport" ? openQueueport({ address }) : undefined;
if (queue === undefined) await runGraphile(address, markHandled, false);
else startWorker(queue, 10, async () => markHandled());
const other = sharesQueue ? undefined : await sender({ by, address });
report(
  await roundTrips(warmUp, messages, async (number) =>
    other === undefined ? queue?.send("bench", messageOf(number)) : other(number),
  ),
);
