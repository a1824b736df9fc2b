import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serviceBus } from "../../../adapters/service-bus/index.ts";
import type { Harness } from "../../../src/conformance/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import { ServiceBusProcess } from "../../support/service-bus.ts";
import type { Runner } from "./index.ts";
import { onBusyMachine } from "./timing.ts";

const DEDUP_WINDOW_MS = 600_000;
const NEEDS_A_KEY = "the case sends by hand without a key, which a queue with sessions refuses";

/** Where every queue has sessions, also those that are not asked to keep order. */
const SESSION_DEVIATIONS: NonNullable<Harness["deviations"]> = {
  "a lease that expires without ack redelivers, and not before":
    "a session is free as soon as its link is closed",
  "an ordering key is refused as not_supported on a queue that keeps no order": "every queue keeps order",
  "a malformed body is dead-lettered as it came: broken JSON": NEEDS_A_KEY,
  "a malformed body is dead-lettered as it came: no type": NEEDS_A_KEY,
  "a malformed body is dead-lettered as it came: a wrong field": NEEDS_A_KEY,
  "a full-size message with all the attributes there can be is dead-lettered": NEEDS_A_KEY,
  "a full-size message with all the attributes there can be is redriven, and none of them is lost":
    NEEDS_A_KEY,
};

/**
 * The adapter against our own server, which keeps its messages; or, without faults, against the emulator that
 * QUEUEPORT_TEST_SERVICE_BUS names. With sessions, every queue requires them, asked for order or not.
 */
export function serviceBusHarness({ sessions }: { readonly sessions: boolean }): Promise<Runner> {
  const connectionString = process.env["QUEUEPORT_TEST_SERVICE_BUS"];
  return connectionString === undefined ? ownServer(sessions) : emulator(connectionString, sessions);
}

function nameOf(sessions: boolean): string {
  return sessions ? "service-bus-sessions" : "service-bus";
}

async function ownServer(sessions: boolean): Promise<Runner> {
  const dataDir = await mkdtemp(join(tmpdir(), "queueport-"));
  const server = await ServiceBusProcess.start({ dataDir });
  return {
    harness: {
      name: nameOf(sessions),
      deviations: sessions ? SESSION_DEVIATIONS : {},
      // A message without a key is a session of its own, and each of those is accepted by itself.
      timing: { ...onBusyMachine, ...(sessions ? { patienceMs: 200_000 } : {}) },
      server: "queueport/service-bus-server",
      open: async () => serviceBus({ connectionString: server.connectionString }),
      async makeQueue({ ordering, leaseMs, maxAttempts }) {
        const name = `queue-${randomUUID()}`;
        // By the back door: the service itself has no lock shorter than 5 s.
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
        cutConnections: () => server.cutConnections(),
        restart: () => server.restart(),
        async failSettleEntry(queue) {
          const before = await server.failedSettlements();
          let failed = before;
          const watch = setInterval(() => void look(), 20);
          const look = async (): Promise<void> => {
            // A server that is gone has refused no more.
            failed = await server.failedSettlements().catch(() => failed);
            if (failed > before) clearInterval(watch);
          };
          await server.failSettlements(queue, 1);
          return () => failed - before;
        },
      },
    },
    async close() {
      await server.kill();
      await rm(dataDir, { recursive: true });
    },
  };
}

async function emulator(connectionString: string, sessions: boolean): Promise<Runner> {
  const adminConnectionString = process.env["QUEUEPORT_TEST_SERVICE_BUS_ADMIN"];
  const open = (): ReturnType<typeof serviceBus> => serviceBus({ connectionString, adminConnectionString });
  const admin = createQueue(open());
  return {
    harness: {
      name: nameOf(sessions),
      deviations: sessions ? SESSION_DEVIATIONS : {},
      server: "Service Bus emulator",
      open: async () => open(),
      async makeQueue({ ordering, leaseMs, maxAttempts }) {
        const queue = `queue-${randomUUID()}`;
        await admin.ensure(queue, { ordering: sessions ? "by_key" : ordering, leaseMs, maxAttempts });
        return queue;
      },
      dropQueue: (queue) => admin.drop(queue),
      timing: { ...onBusyMachine, ...(sessions ? { patienceMs: 200_000 } : {}) },
    },
    close: () => admin.close(),
  };
}
