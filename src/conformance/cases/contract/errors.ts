import type { ErrorKind } from "../../../driver/error.ts";
import { defineCase, type ConformanceCase } from "../../case.ts";
import { DirectQueue, expectRejection } from "../../kit/contract.ts";
import { expectThat } from "../../kit/expect.ts";
import { never } from "../../kit/source.ts";

const KINDS: ReadonlySet<ErrorKind> = new Set<ErrorKind>([
  "throttled",
  "transient",
  "ambiguous",
  "lease_lost",
  "too_large",
  "full",
  "not_found",
  "auth",
  "permanent",
]);

const missing = defineCase({
  requirement: "contract.errors",
  name: "describe, send and next on a queue that does not exist fail as not_found",
  skip: ({ limits }) => (limits.createsQueues ? "the provider creates queues on first use" : undefined),
  async run(context) {
    const queue = await DirectQueue.make(context);
    const { driver } = queue;
    const name = context.missingQueue();
    const source = driver.open(name, { prefetch: 1, leaseMs: context.leaseMs });
    const calls: Readonly<Record<string, () => Promise<unknown>>> = {
      describe: () => driver.describe(name),
      send: async () => {
        const [result] = await driver.send(name, [queue.outgoing("lost")], never);
        if (result?.ok === false) throw result.error;
      },
      next: () => source.next(1, never),
    };

    for (const [call, make] of Object.entries(calls))
      await expectRejection(call, driver, context.waitFor(call, make()), "not_found");
    await context.waitFor("a stop", source.stop());
    await source.close();
  },
});

const classified = defineCase({
  requirement: "contract.errors",
  name: "classify returns a kind for every value and does not throw",
  async run(context) {
    const driver = await context.openDriver();
    const values: readonly unknown[] = [
      undefined,
      null,
      "text",
      42,
      {},
      new Error("unknown"),
      Object.assign(new Error("code"), { code: 42, name: undefined }),
      Object.create(null),
    ];
    for (const value of values) {
      const kind = driver.classify(value);
      expectThat(`the kind of ${typeof value}`, KINDS.has(kind), kind, "one of ErrorKind");
    }
  },
});

export const errorCases: readonly ConformanceCase[] = [missing, classified];
