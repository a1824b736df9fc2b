import { Queue, Worker } from "bullmq";
import { payloadOf } from "../job.ts";
import { feed } from "../load.ts";
import { Meter, options, report } from "../measure.ts";

/** Adds, handles and removes jobs of BullMQ. Redis runs as a process of its own. */
const { address, concurrency, warmUp, messages } = options() as {
  readonly address: string;
  readonly concurrency: number;
  readonly warmUp: number;
  readonly messages: number;
};
const connection = { host: "127.0.0.1", port: Number(address), maxRetriesPerRequest: null };
const meter = new Meter({ warmUp, messages });
const queue = new Queue("bench", { connection });
await queue.obliterate({ force: true });
const onHandled = feed(warmUp + messages, (number) =>
  queue.add("bench_job", payloadOf(number), { removeOnComplete: true }),
);
const worker = new Worker(
  "bench",
  async () => {
    meter.count();
    onHandled();
  },
  { connection, concurrency },
);
worker.on("error", (error) => {
  throw error;
});
report(await meter.done);
