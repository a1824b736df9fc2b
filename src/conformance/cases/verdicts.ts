import assert from "node:assert/strict";
import type { Delivery, Operation } from "../../driver/contract.ts";
import { caseMaker, type ConformanceCase } from "../case.ts";

const check = caseMaker("acknowledgement");
const COUNT = 9;

const neighbours = check(
  "acknowledgement.partial",
  "neighbours that are settled at once, each otherwise, each get what is theirs",
  async (stage) => {
    const queue = await stage.makeQueue();
    const peer = await stage.connect();
    const ids = await stage.sendMany(peer, queue, COUNT);
    // In the order in which they come: it is neighbours of the provider's that must not be taken for one another.
    const order: string[] = [];
    const { deadLetter, deadLetterQueue } = await peer.driver.describe(queue);
    const kinds =
      deadLetter === "native" ? (["dead_letter", "ack", "release"] as const) : (["ack", "release"] as const);
    const kindOf = (id: string): (typeof kinds)[number] => kinds[order.indexOf(id) % kinds.length]!;
    const are = (kind: (typeof kinds)[number]): string[] =>
      ids.filter((id) => kindOf(id) === kind).toSorted();
    const operationOn = (delivery: Delivery): Operation => {
      const id = idOf(delivery);
      const kind = kindOf(id);
      if (kind === "ack") return { kind, delivery };
      if (kind === "release") return { kind, delivery, delayMs: 0 };
      return { kind, delivery, reason: `of ${id}`, description: "", attributes: {} };
    };
    const read = async (
      name: string,
      count: number,
      settle: (all: Delivery[]) => Operation[],
    ): Promise<Delivery[]> => {
      const source = peer.driver.open(name, { prefetch: COUNT, leaseMs: stage.leaseMs });
      const all: Delivery[] = [];
      await stage.until(`${count} of ${name}`, async () => {
        if (all.length < count) {
          const polled = source.next(count - all.length, new AbortController().signal);
          all.push(...(await stage.done("a poll", polled)));
        }
        return all.length >= count;
      });
      const operations = settle(all);
      const most = peer.driver.limits.maxSettleBatch;
      const calls = Array.from({ length: Math.ceil(count / most) }, (_, call) =>
        source.settle(operations.slice(call * most, (call + 1) * most)),
      );
      const results = (await stage.done("the settlements", Promise.all(calls))).flat();
      assert.ok(
        results.every(({ ok }) => ok),
        "all are confirmed",
      );
      await stage.done("the source stops", source.stop());
      await source.close();
      return all;
    };
    const acked = (all: Delivery[]): Operation[] => all.map((delivery) => ({ kind: "ack", delivery }));
    await read(queue, COUNT, (all) => {
      order.push(...all.map(idOf));
      return all.map(operationOn);
    });
    const back = await read(queue, are("release").length, acked);
    assert.deepEqual(
      back.map(idOf).toSorted(),
      are("release"),
      "what was released comes again, and nothing else",
    );
    await stage.assertEmpty(queue);
    if (deadLetter !== "native") return;
    const dead = await read(deadLetterQueue, are("dead_letter").length, acked);
    assert.deepEqual(
      dead.map(idOf).toSorted(),
      are("dead_letter"),
      "the dead letters are there, and no others",
    );
    for (const letter of dead) assert.equal(letter.deadLetter?.reason, `of ${idOf(letter)}`);
  },
);

function idOf({ body }: Delivery): string {
  return (JSON.parse(body.toString()) as { readonly id: string }).id;
}

export const verdictCases: readonly ConformanceCase[] = [neighbours];
