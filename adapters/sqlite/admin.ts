import type { Admin } from "../../src/driver/index.ts";
import { changesOf, checkQueueName, checkWanted, wantedRow, withSiblings } from "../sql/queue/queue-row.ts";
import type { QueueFile } from "./queue/queue-file.ts";

/**
 * Creates and removes queues, which are rows.
 * @param dedupMs the window of deduplication that `ensure` sets
 */
export function sqliteAdmin(dedupMs: number, open: () => Promise<QueueFile>): Required<Admin> {
  return {
    async ensure(queue, spec) {
      const [, ...siblings] = checked(queue);
      const file = await open();
      await file.write((messages) => {
        const found = messages.find(queue);
        const wanted = wantedRow(spec, found, dedupMs);
        checkWanted(queue, found, wanted);
        messages.configure(queue, wanted);
        // A sibling keeps no order. A copy in it has an id of its own, so it needs no deduplication.
        for (const sibling of siblings) messages.use(sibling, { ordered: false, dedupMs: 0 });
      }, true);
    },
    async plan(queue, spec) {
      checked(queue);
      const file = await open();
      return file.read((messages) => changesOf(queue, spec, dedupMs, (name) => messages.find(name)));
    },
    async drop(queue) {
      const all = checked(queue);
      const file = await open();
      await file.write((messages) => {
        for (const name of all) messages.drop(name);
      }, true);
    },
  };
}

function checked(queue: string): readonly [string, string, string] {
  const all = withSiblings(queue);
  for (const name of all) checkQueueName(name);
  return all;
}
