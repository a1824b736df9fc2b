import assert from "node:assert/strict";
import { alone, caseMaker, type ConformanceCase } from "../case.ts";
import { job } from "../kit/jobs.ts";
import { letterOf } from "../kit/letters.ts";
import { Worker } from "../../worker/worker.ts";
import type { Stage } from "../kit/stage.ts";
import type { Peer } from "../kit/peer.ts";

const check = caseMaker("failure");

const MALFORMED: Readonly<Record<string, string | Uint8Array>> = {
  "broken JSON": '{"type": "job", "payload": ',
  "no type": '{"nothing": "that we know"}',
  "a wrong field": '{"type": "job", "payload": 1, "max_attempts": "many"}',
  "bytes that are no text": new Uint8Array([0x7b, 0xff, 0xfe, 0x00, 0x7d]),
};

const malformed = Object.entries(MALFORMED).map(([name, body]) =>
  check("failure.unreadable", `a malformed body is dead-lettered as it came: ${name}`, async (stage) => {
    const queue = await stage.makeQueue();
    const peer = await stage.connect();
    const [sent] = await peer.driver.send(
      queue,
      [{ body, attributes: { origin: "elsewhere" }, delayMs: 0, dedupId: "m1" }],
      new AbortController().signal,
    );
    if (sent?.ok !== true && typeof body !== "string") {
      stage.notes.push("the provider carries text alone");
      return;
    }
    assert.ok(sent?.ok === true, "it was sent");
    const inbox = stage.inbox();
    const receiving = peer.receive(queue, inbox.handler());
    const letter = await letterOf(stage, peer, queue);
    await stage.done("the receiver stops", receiving.stop());
    assert.equal(inbox.arrivals.length, 0, "no handler has seen it");
    assert.deepEqual(Buffer.from(letter.body as Uint8Array), Buffer.from(body as Uint8Array));
    assert.deepEqual([letter.info.reason, letter.info.source], ["malformed", queue]);
    assert.notEqual(letter.info.error, "", "it says what is wrong");
    assert.equal(letter.message, undefined);
    await stage.assertEmpty(queue);
  }),
);

function worker(
  stage: Stage,
  { queue }: Peer,
  type: string,
  runs: number[],
  unknownTypeMaxAgeMs: number,
): Worker {
  return new Worker(queue, { leaseMs: stage.leaseMs, unknownTypeMaxAgeMs }).register(
    type,
    (_message, context) => {
      runs.push(context.attempt);
    },
  );
}

const unknownTypeWaits = check(
  "failure.unreadable",
  "a message of an unknown type waits for a worker that knows it, at no cost to its attempts",
  async (stage) => {
    const queue = await stage.makeQueue();
    const peer = await stage.connect();
    const runs: number[] = [];
    const old = worker(stage, peer, "old", runs, 3_600_000);
    const releasedAt: number[] = [];
    old.on("released", () => releasedAt.push(stage.now()));
    const receiving = peer.work(queue, old);
    await peer.queue.send(queue, { ...job(), type: "new", maxAttempts: 1 });
    const patienceMs = 15_000 + stage.timing.patienceMs;
    await stage.until("it was put back twice", () => releasedAt.length >= 2, patienceMs);
    const [first, second] = releasedAt as [number, number];
    assert.ok(second - first >= 4_500, `it does not loop; it came back after ${second - first} ms`);
    await stage.done("the old worker stops", receiving.stop());
    assert.deepEqual(runs, []);
    peer.work(queue, worker(stage, peer, "new", runs, 3_600_000));
    await stage.until("the new worker runs it", () => runs.length > 0, patienceMs);
    assert.deepEqual(runs, [1]);
  },
);

const unknownTypeDoesNotLoop = check(
  "failure.unreadable",
  "a message of an unknown type is looked at more and more seldom",
  async (stage) => {
    const queue = await stage.makeQueue();
    const peer = await stage.connect();
    const old = worker(stage, peer, "old", [], 86_400_000);
    let looks = 0;
    old.on("released", () => {
      looks += 1;
    });
    peer.work(queue, old);
    await peer.queue.send(queue, { ...job(), type: "new" });
    await stage.pass(3_600_000);
    assert.ok(looks >= 10 && looks <= 40, `in an hour it is looked at 10 to 40 times; it was ${looks}`);
    const letters = await stage.done("a look at the dead letters", peer.queue.deadLetters(queue).list());
    assert.deepEqual(letters, [], "and kept, for as long as it was asked to be");
  },
  (_declared, { clock }) =>
    clock === undefined ? "it takes an hour, and the clock cannot be turned" : undefined,
);

const unknownTypeEnds = check(
  "failure.unreadable",
  "a message whose type nobody knows for too long is dead-lettered as unknown_type",
  async (stage) => {
    const maxAgeMs = stage.timing.unitMs;
    const queue = await stage.makeQueue();
    const peer = await stage.connect();
    const runs: number[] = [];
    const startedAt = stage.now();
    const { id } = await peer.queue.send(queue, { ...job(), type: "new" });
    peer.work(queue, worker(stage, peer, "old", runs, maxAgeMs));
    const letter = await letterOf(stage, peer, queue);
    assert.equal(letter.id, id);
    assert.deepEqual([letter.info.reason, letter.info.source], ["unknown_type", queue]);
    assert.equal(letter.info.attempts, 0, "it was never run");
    assert.ok(letter.info.at.getTime() >= startedAt + maxAgeMs - stage.timing.earlyMs, "not before its time");
    assert.deepEqual(runs, []);
  },
);

export const unreadableCases: readonly ConformanceCase[] = [
  ...malformed,
  // What it shows is a matter of seconds, and of nothing else keeping the server busy.
  alone(unknownTypeWaits),
  unknownTypeDoesNotLoop,
  unknownTypeEnds,
];
