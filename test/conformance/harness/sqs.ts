import { randomUUID } from "node:crypto";
import { sqs } from "../../../adapters/sqs/index.ts";
import type { HarnessFaults } from "../../../src/conformance/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import type { Driver } from "../../../src/driver/index.ts";
import type { HttpCall } from "../../support/proxy/http-call.ts";
import { HttpProxy } from "../../support/proxy/http-proxy.ts";
import { clientOptions, type SqsServer, startLocalAwsSqs, startSqsServer } from "../../support/sqs-server.ts";
import { secondDeviates } from "./sqs-deviations.ts";
import type { Runner } from "./index.ts";
import { onBusyMachine } from "./timing.ts";

/** Operations that settle; of one entry each in the failure that is injected. */
const SETTLES = new Set(["DeleteMessageBatch"]);

/** The adapter against a real server, the proxy in between. */
export const sqsHarness = (): Promise<Runner> => onServer(startSqsServer, {});

/** The same on another maker's server, as a second opinion. */
export const secondSqsHarness = (): Promise<Runner> => onServer(startLocalAwsSqs, secondDeviates);

async function onServer(
  start: () => Promise<SqsServer>,
  deviations: Readonly<Record<string, string>>,
): Promise<Runner> {
  const server = await start();
  const { hostname, port, protocol } = new URL(server.endpoint);
  // The proxy speaks clear text, which the service itself does not.
  const proxy =
    protocol === "http:" ? await HttpProxy.start({ host: hostname, port: Number(port) }) : undefined;
  const endpoint = proxy?.endpoint ?? server.endpoint;
  const open = (): Driver => sqs({ ...clientOptions({ endpoint }), waitSeconds: 1 });
  const admin = createQueue(open());
  const restart = server.restart?.bind(server);
  const faults: HarnessFaults = {
    ...(restart === undefined ? {} : { restart }),
    ...(proxy === undefined
      ? {}
      : {
          cutConnections: async () => proxy.cutAll(),
          failSendEntry: async (queue) =>
            failEntry(proxy, (call) => call.operation === "SendMessageBatch" && isFor(call, queue)),
          failSettleEntry: async (queue) =>
            failEntry(proxy, (call) => SETTLES.has(call.operation) && isFor(call, queue)),
        }),
  };
  return {
    harness: {
      name: "sqs",
      server: server.name,
      open: async () => open(),
      async makeQueue({ ordering, leaseMs, maxAttempts }) {
        const queue = `queue-${randomUUID()}${ordering === "by_key" ? ".fifo" : ""}`;
        await admin.ensure(queue, { ordering, leaseMs, maxAttempts });
        return queue;
      },
      dropQueue: (queue) => admin.drop(queue),
      timing: onBusyMachine,
      faults,
      deviations,
    },
    async close() {
      await admin.close();
      await proxy?.close();
      await server.close();
    },
  };
}

/** The first entry of the next request fails. Returns how many have failed so by now. */
function failEntry(proxy: HttpProxy, where: (call: HttpCall) => boolean): () => number {
  const rule = proxy.on(
    { where },
    { kind: "fail_entry", index: 0, code: "InternalError", senderFault: false },
  );
  return () => rule.hits;
}

function isFor({ json }: HttpCall, queue: string): boolean {
  return String(json?.["QueueUrl"]).endsWith(`/${queue}`);
}
