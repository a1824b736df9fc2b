import { randomUUID } from "node:crypto";
import { createQueue } from "../../src/create-queue.ts";
import type { Driver } from "../../src/driver/index.ts";
import type { Running } from "../../test/conformance/harness/index.ts";
import { onBusyMachine } from "../../test/conformance/harness/timing.ts";
import { template } from "./adapter/index.ts";

/** The adapter on the server that QUEUEPORT_TEST_TEMPLATE names. TODO: Start a server if it names none. */
export async function templateHarness(): Promise<Running> {
  const url = process.env["QUEUEPORT_TEST_TEMPLATE"];
  // Short polls, so that a stop takes little time.
  const connect = (): Driver =>
    template({ ...(url === undefined ? {} : { url }), prefix: "qp-test-", limits: { longPollMs: 1_000 } });
  const admin = createQueue(connect());
  return {
    harness: {
      name: "template",
      // TODO: The name and the version of the server.
      server: "Template",
      // TODO: Remove this line if queues can keep order by key.
      ordered: false,
      open: async () => connect(),
      async makeQueue(needs) {
        const queue = `queue-${randomUUID()}`;
        await admin.ensure(queue, needs);
        return queue;
      },
      dropQueue: (queue) => admin.drop(queue),
      timing: onBusyMachine,
      // TODO: `faults: { cutConnections }` with test/support/proxy/tcp-proxy.ts between the adapter and the server.
    },
    async close() {
      await admin.close();
    },
  };
}
