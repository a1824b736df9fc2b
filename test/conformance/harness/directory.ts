import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { directory } from "../../../examples/directory-adapter/index.ts";
import type { Harness } from "../../../src/conformance/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import { onBusyMachine } from "./timing.ts";

/** Starts the harness of the example adapter, in a directory of its own. */
export async function directoryHarness(): Promise<Harness> {
  const path = await mkdtemp(join(tmpdir(), "queueport-"));
  const admin = createQueue(directory({ path }));
  return {
    name: "directory",
    ordered: false,
    timing: onBusyMachine,
    open: async () => directory({ path }),
    async makeQueue(needs) {
      const queue = `queue-${randomUUID()}`;
      await admin.ensure(queue, needs);
      return queue;
    },
    dropQueue: (queue) => admin.drop(queue),
    async close() {
      await admin.close();
      await rm(path, { recursive: true });
    },
  };
}
