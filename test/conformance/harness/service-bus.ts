import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serviceBus } from "../../../adapters/service-bus/index.ts";
import { type Harness, startCutter } from "../../../src/conformance/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import { ServiceBusProcess } from "../../support/service-bus.ts";
import { onBusyMachine } from "./timing.ts";

const DEDUP_WINDOW_MS = 600_000;
const NEEDS_KEY =
  "the case sends a message without a key through the driver, which a queue with sessions refuses";

/** Cases that fail if every queue has sessions, also those that are not asked to keep order. */
const SESSION_DEVIATIONS: NonNullable<Harness["deviations"]> = {
  "a message whose lease expires is delivered again, and not before":
    "a session is free as soon as its link is closed",
  "a message with an ordering key is refused as not_supported on a queue that keeps no order":
    "every queue keeps order",
  "a message whose body is broken JSON is dead-lettered with its bytes unchanged": NEEDS_KEY,
  "a message whose body is JSON without a type is dead-lettered with its bytes unchanged": NEEDS_KEY,
  "a message whose body is JSON with a wrong field is dead-lettered with its bytes unchanged": NEEDS_KEY,
  "a full-size message with the most attributes allowed is dead-lettered with its body unchanged": NEEDS_KEY,
  "a full-size message with the most attributes allowed is redriven with all of them": NEEDS_KEY,
  "a CloudEvent in structured mode, sent as text, is read as it is on every provider": NEEDS_KEY,
  "a body that begins with a byte order mark, sent as text, is read as it is on every provider": NEEDS_KEY,
  "domain data with a type of its own, sent as text, is read as it is on every provider": NEEDS_KEY,
  "the attributes of another producer are visible to the handler, on the first run and on the next one":
    NEEDS_KEY,
  "a message of another producer that fills the provider's limit is dead-lettered after its attempts, with its body unchanged":
    NEEDS_KEY,
  "a message whose type is unknown since a time in the future is dead-lettered as unknown_type": NEEDS_KEY,
  "a redrive with a transform corrects a dead letter that cannot be read, from its body and its attributes":
    NEEDS_KEY,
};

/**
 * Starts the harness of the Service Bus adapter. It runs against our own local server, which keeps its messages, or,
 * without faults, against the emulator that `QUEUEPORT_TEST_SERVICE_BUS` names.
 * @param sessions whether every queue has sessions, also those that are not asked to keep order
 */
export function serviceBusHarness({ sessions }: { readonly sessions: boolean }): Promise<Harness> {
  const connectionString = process.env["QUEUEPORT_TEST_SERVICE_BUS"];
  return connectionString === undefined ? ownServer(sessions) : emulator(connectionString, sessions);
}

/** The parts of the harness that both servers share. */
function commonParts(sessions: boolean): Pick<Harness, "name" | "deviations" | "timing"> {
  return {
    name: sessions ? "service-bus-sessions" : "service-bus",
    deviations: sessions ? SESSION_DEVIATIONS : {},
    // A message without a key is a session of its own, and each session is accepted separately.
    timing: { ...onBusyMachine, ...(sessions ? { patienceMs: 200_000 } : {}) },
  };
}

async function ownServer(sessions: boolean): Promise<Harness> {
  const dataDir = await mkdtemp(join(tmpdir(), "queueport-"));
  const server = await ServiceBusProcess.start({ dataDir });
  const cutter = await startCutter({ port: server.port });
  const connectionString = server.connectionString.replace(`:${server.port};`, `:${cutter.port};`);
  return {
    ...commonParts(sessions),
    server: "queueport/service-bus-server",
    open: async () => serviceBus({ connectionString }),
    async makeQueue({ ordering, leaseMs, maxAttempts }) {
      const name = `queue-${randomUUID()}`;
      // The server's own interface, since the service accepts no lock duration below 5 s.
      await server.createQueue({
        name,
        lockDurationMs: leaseMs,
        maxDeliveryCount: maxAttempts + 50,
        duplicateDetectionWindowMs: DEDUP_WINDOW_MS,
        requiresSession: sessions || ordering === "by_key",
      });
      return name;
    },
    async dropQueue(queue) {
      await server.deleteQueue(queue);
    },
    faults: {
      cutConnections: async () => cutter.cut(),
      muteAnswers: async () => cutter.mute(),
      restart: () => server.restart(),
      failSettleEntry: (queue) => failSettlement(server, queue),
    },
    async close() {
      await cutter.close();
      await server.kill();
      await rm(dataDir, { recursive: true });
    },
  };
}

/** Makes the server refuse one settlement. Returns a counter, which is read from the server every 20 ms. */
async function failSettlement(server: ServiceBusProcess, queue: string): Promise<() => number> {
  const before = await server.failedSettlements();
  let failed = before;
  const watch = setInterval(() => void read(), 20);
  const read = async (): Promise<void> => {
    // A server that has stopped refuses no more settlements.
    failed = await server.failedSettlements().catch(() => failed);
    if (failed > before) clearInterval(watch);
  };
  await server.failSettlements(queue, 1);
  return () => failed - before;
}

async function emulator(connectionString: string, sessions: boolean): Promise<Harness> {
  const adminConnectionString = process.env["QUEUEPORT_TEST_SERVICE_BUS_ADMIN"];
  const connect = (): ReturnType<typeof serviceBus> =>
    serviceBus({ connectionString, adminConnectionString });
  const admin = createQueue(connect());
  return {
    ...commonParts(sessions),
    server: "Service Bus emulator",
    open: async () => connect(),
    async makeQueue(needs) {
      const queue = `queue-${randomUUID()}`;
      await admin.ensure(queue, sessions ? { ...needs, ordering: "by_key" } : needs);
      return queue;
    },
    dropQueue: (queue) => admin.drop(queue),
    close: () => admin.close(),
  };
}
