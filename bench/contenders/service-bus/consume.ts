import { ServiceBusClient } from "@azure/service-bus";
import { serviceBus } from "../../../adapters/service-bus/index.ts";
import { createQueue } from "../../../src/index.ts";
import { startWorker } from "../job.ts";
import { Meter, options, report } from "../measure.ts";

/** Consumes a backlog. The library does so by `subscribe`, with the same concurrency. */
const { by, address, concurrency, warmUp, messages } = options() as {
  readonly by: "queueport" | "library";
  readonly address: string;
  readonly concurrency: number;
  readonly warmUp: number;
  readonly messages: number;
};
const meter = new Meter({ warmUp, messages });
if (by === "queueport") {
  const queue = createQueue(serviceBus({ connectionString: address }));
  startWorker(queue, concurrency, async () => meter.count());
} else {
  const receiver = new ServiceBusClient(address).createReceiver("bench", { skipParsingBodyAsJson: true });
  receiver.subscribe(
    {
      processMessage: async ({ body }) => {
        JSON.parse(String(body));
        meter.count();
      },
      processError: async ({ error }) => {
        throw error;
      },
    },
    { maxConcurrentCalls: concurrency },
  );
}
report(await meter.done);
