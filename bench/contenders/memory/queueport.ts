import { memory } from "../../../adapters/memory/index.ts";
import { createQueue } from "../../../src/index.ts";
import { messageOf, startWorker } from "../job.ts";
import { feed } from "../load.ts";
import { Meter, options, report } from "../measure.ts";

/** The full path of a message in one process: send, encode, lease, decode, handle, acknowledge. */
const { concurrency, warmUp, messages } = options() as {
  readonly concurrency: number;
  readonly warmUp: number;
  readonly messages: number;
};
const meter = new Meter({ warmUp, messages });
const queue = createQueue(memory());
const onHandled = feed(warmUp + messages, (number) => queue.send("bench", messageOf(number)));
startWorker(queue, concurrency, async () => {
  meter.count();
  onHandled();
});
report(await meter.done);
