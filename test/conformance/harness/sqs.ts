import { randomUUID } from "node:crypto";
import { sqs } from "../../../adapters/sqs/index.ts";
import type { Harness, HarnessFaults } from "../../../src/conformance/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import type { Driver } from "../../../src/driver/index.ts";
import type { HttpCall } from "../../support/proxy/http-call.ts";
import { HttpProxy } from "../../support/proxy/http-proxy.ts";
import type { Rule } from "../../support/proxy/rules.ts";
import { clientOptions, type SqsServer, startLocalAwsSqs, startSqsServer } from "../../support/sqs-server.ts";
import { firstDeviates, secondDeviates } from "./sqs-deviations.ts";
import { onBusyMachine } from "./timing.ts";

/** Starts the harness of the SQS adapter: a local server behind a proxy. */
export const sqsHarness = (): Promise<Harness> => onServer(startSqsServer, firstDeviates);

/** Starts the same harness on a second local server. */
export const secondSqsHarness = (): Promise<Harness> => onServer(startLocalAwsSqs, secondDeviates);

async function onServer(
  start: () => Promise<SqsServer>,
  deviations: Readonly<Record<string, string>>,
): Promise<Harness> {
  const server = await start();
  const { hostname, port, protocol } = new URL(server.endpoint);
  // The proxy reads plain text. The service itself speaks HTTPS only.
  const proxy =
    protocol === "http:" ? await HttpProxy.start({ host: hostname, port: Number(port) }) : undefined;
  const endpoint = proxy?.endpoint ?? server.endpoint;
  const connect = (): Driver => sqs({ ...clientOptions({ endpoint }), waitSeconds: 1 });
  const admin = createQueue(connect());
  return {
    name: "sqs",
    server: server.name,
    timing: onBusyMachine,
    faults: faultsOf(server, proxy),
    deviations,
    open: async () => connect(),
    async makeQueue(needs) {
      const queue = `queue-${randomUUID()}${needs.ordering === "by_key" ? ".fifo" : ""}`;
      await admin.ensure(queue, needs);
      return queue;
    },
    dropQueue: (queue) => admin.drop(queue),
    async close() {
      await admin.close();
      await proxy?.close();
      await server.close();
    },
  };
}

function faultsOf(server: SqsServer, proxy: HttpProxy | undefined): HarnessFaults {
  const restart = server.restart?.bind(server);
  const failsOn = (operation: string, queue: string) => (call: HttpCall) =>
    call.operation === operation && String(call.json?.["QueueUrl"]).endsWith(`/${queue}`);
  let muted: Rule | undefined;
  return {
    ...(restart === undefined ? {} : { restart }),
    ...(proxy === undefined
      ? {}
      : {
          async cutConnections() {
            muted?.remove();
            proxy.cutAll();
          },
          async muteAnswers() {
            muted = proxy.on({ times: Number.POSITIVE_INFINITY }, { kind: "drop_response" });
          },
          failSendEntry: async (queue) => failEntry(proxy, failsOn("SendMessageBatch", queue)),
          failSettleEntry: async (queue) => failEntry(proxy, failsOn("DeleteMessageBatch", queue)),
        }),
  };
}

/** Makes the first entry of the next matching request fail. Returns a counter of such failures. */
function failEntry(proxy: HttpProxy, where: (call: HttpCall) => boolean): () => number {
  const rule = proxy.on(
    { where },
    { kind: "fail_entry", index: 0, code: "InternalError", senderFault: false },
  );
  return () => rule.hits;
}
