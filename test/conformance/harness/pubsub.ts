import { randomUUID } from "node:crypto";
import { pubsub } from "../../../adapters/pubsub/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import { TcpProxy } from "../../support/proxy/tcp-proxy.ts";
import { pubsubEmulator } from "../../support/pubsub-emulator.ts";
import type { Runner } from "./index.ts";
import { onBusyMachine } from "./timing.ts";

/** The Pub/Sub adapter against Google's emulator, a proxy in between. */
export async function pubsubHarness(): Promise<Runner> {
  const emulator = await pubsubEmulator();
  const [host, port] = emulator.host.split(":");
  const proxy = await TcpProxy.start({ host, port: Number(port) });
  const connect = (): ReturnType<typeof pubsub> =>
    pubsub({ projectId: "conformance", emulatorHost: `127.0.0.1:${proxy.port}`, waitSeconds: 1 });
  const admin = createQueue(connect());
  return {
    harness: {
      name: "pubsub",
      server: `Google Pub/Sub emulator ${emulator.version}`,
      open: async () => connect(),
      async makeQueue({ ordering, leaseMs, maxAttempts }) {
        const queue = `q-${randomUUID()}`;
        await admin.ensure(queue, { ordering, leaseMs, maxAttempts });
        return queue;
      },
      dropQueue: (queue) => admin.drop(queue),
      // No ack deadline is shorter.
      timing: { ...onBusyMachine, leaseMs: 10_000 },
      faults: {
        async cutConnections() {
          proxy.cutAll();
        },
      },
    },
    async close() {
      await admin.close();
      await proxy.close();
      await emulator.stop();
    },
  };
}
