import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { connect as connectTo } from "node:net";
import { createQueue } from "../../src/client/create-queue.ts";
import type { Driver } from "../../src/driver/index.ts";
import { type Harness, startCutter } from "../../src/conformance/index.ts";
import { onBusyMachine } from "../../test/conformance/harness/timing.ts";
import { template } from "./adapter/index.ts";

/** TODO: The address of a server on this machine. */
const LOCAL = "tcp://127.0.0.1:1";
const PROBE_MS = 5_000;

/** The adapter on the server that QUEUEPORT_TEST_TEMPLATE names, with a cutter before it. TODO: Start a server if needed. */
export async function templateHarness(): Promise<Harness> {
  const { protocol, hostname, port } = new URL(process.env["QUEUEPORT_TEST_TEMPLATE"] ?? LOCAL);
  await probe(hostname, Number(port));
  const cutter = await startCutter({ host: hostname, port: Number(port) });
  const url = `${protocol}//127.0.0.1:${cutter.port}`;
  // Short polls, so that a stop takes little time.
  const connect = (): Driver => template({ url, prefix: "qp-test-", limits: { longPollMs: 1_000 } });
  const admin = createQueue(connect());
  return {
    name: "template",
    // TODO: The name and the version of the server.
    server: "Template",
    // TODO: Remove this line if a message of a request can fail alone at the server, and add faults that cause it.
    atomicRequests: true,
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
    faults: {
      cutConnections: async () => cutter.cut(),
      muteAnswers: async () => cutter.mute(),
    },
    async close() {
      await admin.close();
      await cutter.close();
    },
  };
}

/** Throws if nothing listens at the address. Without this, each case would fail with an error of the cutter. */
async function probe(host: string, port: number): Promise<void> {
  const socket = connectTo({ host, port });
  try {
    await once(socket, "connect", { signal: AbortSignal.timeout(PROBE_MS) });
  } catch (cause) {
    throw new Error(`No server at ${host}:${port}. Start one, or set QUEUEPORT_TEST_TEMPLATE.`, { cause });
  } finally {
    socket.destroy();
  }
}
