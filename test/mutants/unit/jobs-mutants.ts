import type { UnitMutant } from "./unit-mutant.ts";

const SENDER = "src/jobs/send/job-sender.ts";
const BIRTH = "src/jobs/send/birth.ts";
const DISPATCHER = "src/jobs/dispatch/dispatcher.ts";
const STREAM = "src/jobs/events/event-stream.ts";

/** Mutants of what a user of jobs calls. */
export const jobsMutants: readonly UnitMutant[] = [
  {
    name: "a job with an id is sent before it is recorded",
    file: SENDER,
    search: "const isKeyed = message.id !== undefined || options.idempotencyKey !== undefined;",
    replace: "const isKeyed = options.idempotencyKey !== undefined;",
    tests: ["jobs/birth.test.ts"],
  },
  {
    name: "a job that was recorded before is sent once more by its second sender",
    file: BIRTH,
    search: "if (isNew && isTaken && kept !== undefined)",
    replace: "if (isTaken && kept !== undefined)",
    tests: ["jobs/birth.test.ts"],
  },
  {
    name: "another payload under the same id is no conflict",
    file: BIRTH,
    search: "(idempotencyHash ?? payloadHash(payload))",
    replace: "idempotencyHash",
    tests: ["jobs/birth.test.ts"],
  },
  {
    name: "the order of the keys of a payload makes another payload",
    file: "src/jobs/payload-hash.ts",
    search: "Object.keys(members).toSorted()",
    replace: "Object.keys(members)",
    tests: ["jobs/birth.test.ts"],
  },
  {
    name: "an idempotency key of one tenant meets that of another",
    file: BIRTH,
    search: "hashOf([namespace, tenant, queue, key])",
    replace: "hashOf([namespace, queue, key])",
    tests: ["jobs/birth.test.ts"],
  },
  {
    name: "a message that its queue never takes is recorded",
    file: BIRTH,
    search: "  await checking;\n  const payload",
    replace: "  await checking.catch(() => undefined);\n  const payload",
    tests: ["jobs/birth.test.ts"],
  },
  {
    name: "the message of a retry is absorbed by a queue that deduplicates",
    file: DISPATCHER,
    search: "repeatId: hashOf([namespace, id, generation, dispatch]),",
    replace: "repeatId: hashOf([namespace, id]),",
    tests: ["jobs/birth.test.ts"],
  },
  {
    name: "a dispatch does not tell its worker that the job is recorded",
    file: DISPATCHER,
    search: "        system: systemOf(row),\n",
    replace: "",
    tests: ["jobs/birth.test.ts", "jobs/dispatch.test.ts"],
  },
  {
    name: "a dispatch that failed is given up at once",
    file: "src/jobs/dispatch/permanent.ts",
    search: "if (!isQueueError(error)) return false;",
    replace: "return true;",
    tests: ["jobs/dispatch.test.ts", "jobs/birth.test.ts"],
  },
  {
    name: "a message that can never be sent is tried for ever",
    file: "src/jobs/dispatch/permanent.ts",
    search: '  "too_large",\n',
    replace: "",
    tests: ["jobs/dispatch.test.ts"],
  },
  {
    name: "the end of a dispatcher does not wait for its sends",
    file: DISPATCHER,
    search: "      unlisten();\n      await this.drain();",
    replace: "      unlisten();",
    tests: ["jobs/dispatch.test.ts"],
  },
  {
    name: "a plain send fails with its store",
    file: "src/jobs/send/insertions.ts",
    search: "const INSERT_MS = 1_000;",
    replace: "const INSERT_MS = 600_000;",
    tests: ["jobs/steer.test.ts"],
  },
  {
    name: "a record that could not be written is forgotten",
    file: "src/jobs/send/insertions.ts",
    search: "    records.writer.keep(change);\n",
    replace: "",
    tests: ["jobs/steer.test.ts"],
  },
  {
    name: "a reader that goes on from the middle of a page misses the rest of it",
    file: STREAM,
    search: "isLast ? page.cursor : cursor",
    replace: "page.cursor",
    tests: ["jobs/events.test.ts"],
  },
  {
    name: "a cursor of one list is taken by another",
    file: "src/jobs/read/list-cursor.ts",
    search: "if (of !== query)",
    replace: "if (of === undefined)",
    tests: ["jobs/list.test.ts"],
  },
  {
    name: "a result is found by hints of the store alone",
    file: "src/jobs/read/job-watch.ts",
    search: "    this.#look([...this.#listeners.keys()]);\n",
    replace: "",
    tests: ["jobs/result.test.ts"],
  },
  {
    name: "jobs are deleted although the archive has failed",
    file: "src/jobs/keep/prune.ts",
    search: "  } catch (cause) {\n    throw new QueueError(",
    replace:
      "  } catch (cause) {\n    if (cause !== undefined) return records.read((store, namespace) => store.prune(namespace, policy, BATCH), PRUNE_MS);\n    throw new QueueError(",
    tests: ["jobs/keep.test.ts"],
  },
  {
    name: "a job is lost although its message may be in the queue",
    file: "src/jobs/keep/reconcile.ts",
    search: 'return isEmpty ? { outcome: "lost", reason: "lost_track" } : undefined;',
    replace: 'return { outcome: "lost", reason: "lost_track" };',
    tests: ["jobs/reconcile.test.ts"],
  },
  {
    name: "a job is closed by the dead letter of an earlier generation",
    file: "src/jobs/keep/reconcile.ts",
    search: "  return generation >= row.generation || info.at.getTime() >= row.updatedAt;",
    replace: "  return generation >= 0 || info.at.getTime() >= row.updatedAt;",
    tests: ["jobs/reconcile.test.ts"],
  },
  {
    name: "a queue has as many more jobs than its limit as are sent at once",
    file: "src/jobs/send/queue-limits.ts",
    search: "    counted.own.set(queue, own + 1);\n",
    replace: "",
    tests: ["jobs/send.test.ts"],
  },
  {
    name: "a job of several receivers is acknowledged unseen by the second",
    file: "src/client/receive-queue.ts",
    search: "if (tracker !== undefined && target !== undefined) {",
    replace: "if (tracker === undefined && target === null) {",
    tests: ["jobs/receivers.test.ts"],
  },
  {
    name: "jobs of a queue whose sends hang are taken without end",
    file: DISPATCHER,
    search: ", except: inFlight.full }",
    replace: " }",
    tests: ["jobs/dispatch.test.ts"],
  },
  {
    name: "the dead letter of the last run is discarded",
    file: "src/jobs/keep/outdated-dead-letters.ts",
    search: "< redrives;",
    replace: "<= redrives;",
    tests: ["jobs/reconcile.test.ts"],
  },
  {
    name: "a store that could not be listened to once is never listened to",
    file: "src/jobs/opened-store.ts",
    search: "if (waiting.size === 0) return request();",
    replace: "if (isOpen) return request();",
    tests: ["jobs/start-without-store.test.ts"],
  },
];
