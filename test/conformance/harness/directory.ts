import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { directory } from "../../../examples/directory-adapter/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import type { Runner } from "./index.ts";
import { onBusyMachine } from "./timing.ts";

/** The example adapter, in a directory of its own. Each client is what another process would be. */
export async function directoryHarness(): Promise<Runner> {
  const path = await mkdtemp(join(tmpdir(), "queueport-"));
  const admin = createQueue(directory({ path }));
  return {
    harness: {
      name: "directory",
      ordered: false,
      open: async () => directory({ path }),
      async makeQueue({ leaseMs, maxAttempts }) {
        const queue = `queue-${randomUUID()}`;
        await admin.ensure(queue, { leaseMs, maxAttempts });
        return queue;
      },
      dropQueue: (queue) => admin.drop(queue),
      timing: onBusyMachine,
    },
    async close() {
      await admin.close();
      await rm(path, { recursive: true });
    },
  };
}
