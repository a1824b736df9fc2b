import { randomUUID } from "node:crypto";
import { pubsub } from "../../../adapters/pubsub/index.ts";
import { type Harness, startCutter } from "../../../src/conformance/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import { pubsubEmulator } from "../../support/pubsub-emulator.ts";
import { onBusyMachine } from "./timing.ts";

/** Shortest acknowledgement deadline of a subscription, in milliseconds. */
const SHORTEST_LEASE_MS = 10_000;

/** Starts the harness of the Pub/Sub adapter: Google's emulator behind a proxy. */
export async function pubsubHarness(): Promise<Harness> {
  const emulator = await pubsubEmulator();
  const [host, port] = emulator.host.split(":");
  const cutter = await startCutter({ host, port: Number(port) });
  const connect = (): ReturnType<typeof pubsub> =>
    pubsub({ projectId: "conformance", emulatorHost: `127.0.0.1:${cutter.port}`, waitSeconds: 1 });
  const admin = createQueue(connect());
  return {
    name: "pubsub",
    server: `Google Pub/Sub emulator ${emulator.version}`,
    timing: { ...onBusyMachine, leaseMs: SHORTEST_LEASE_MS },
    open: async () => connect(),
    async makeQueue(needs) {
      const queue = `q-${randomUUID()}`;
      await admin.ensure(queue, needs);
      return queue;
    },
    dropQueue: (queue) => admin.drop(queue),
    faults: {
      cutConnections: async () => cutter.cut(),
      muteAnswers: async () => cutter.mute(),
    },
    async close() {
      await admin.close();
      await cutter.close();
      await emulator.stop();
    },
  };
}
