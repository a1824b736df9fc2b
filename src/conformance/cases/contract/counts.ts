import type { DriverStats } from "../../../driver/contract.ts";
import { defineCase, type ConformanceCase } from "../../case.ts";
import type { CaseContext } from "../../kit/case-context.ts";
import { ackOf, DirectQueue, settle } from "../../kit/contract.ts";
import { takeDeliveries } from "../../kit/source.ts";

type Counts = Pick<DriverStats, "ready" | "inFlight" | "delayed" | "backlog">;

/** Waits until every count that the provider gives is as expected. */
async function become(
  context: CaseContext,
  queue: DirectQueue,
  subject: string,
  expected: Pick<Required<Counts>, "ready" | "inFlight" | "delayed">,
): Promise<void> {
  const wanted: Counts = { ...expected, backlog: Number(expected.ready) + Number(expected.inFlight) };
  let seen: Counts = {};
  await context.waitUntil(
    `the counts ${subject}`,
    async () => {
      const { ready, inFlight, delayed, backlog } = await queue.driver.stats(queue.name);
      seen = { ready, inFlight, delayed, backlog };
      return Object.entries(wanted).every(([name, value]) => {
        const count = seen[name as keyof Counts];
        return count === undefined || count === value;
      });
    },
    undefined,
    () => `${JSON.stringify(seen)}; expected ${JSON.stringify(wanted)}`,
  );
}

const ended = defineCase({
  requirement: "contract.counts",
  name: "a message whose lease has ended counts as ready, before it is delivered again",
  async run(context) {
    const queue = await DirectQueue.make(context);
    const source = queue.open(2);
    await queue.sendBodies("one", "two");
    await become(context, queue, "after two sends", { ready: 2, inFlight: 0, delayed: 0 });
    await takeDeliveries(context, source, 2);
    await become(context, queue, "while both are leased", { ready: 0, inFlight: 2, delayed: 0 });
    await context.pass(context.leaseMs);
    await become(context, queue, "after the leases", { ready: 2, inFlight: 0, delayed: 0 });
    const [first] = await takeDeliveries(context, (await queue.elsewhere()).open(1), 1);
    await become(context, queue, "after a second delivery", { ready: 1, inFlight: 1, delayed: 0 });
    await settle(context, source, [ackOf(first!)]);
  },
});

const due = defineCase({
  requirement: "contract.counts",
  name: "a delayed message that is due counts as ready, before it is delivered",
  skip: ({ limits }, { timing }) =>
    limits.nativeDelayMs < (timing?.unitMs ?? 1_000) ? "the provider holds no delays" : undefined,
  async run(context) {
    const queue = await DirectQueue.make(context);
    // Long enough to be counted before the message is due.
    const delayMs = 3 * context.timing.unitMs;
    await queue.send([queue.outgoing("delayed", { delayMs }), queue.outgoing("now")]);
    await become(context, queue, "before the message is due", { ready: 1, inFlight: 0, delayed: 1 });
    await context.pass(delayMs + context.lateMs);
    await become(context, queue, "after the message is due", { ready: 2, inFlight: 0, delayed: 0 });
  },
});

export const countCases: readonly ConformanceCase[] = [ended, due];
