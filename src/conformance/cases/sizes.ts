import assert from "node:assert/strict";
import { originalAttributes } from "../../message/dead-letter-info.ts";
import type { Attributes, Delivery } from "../../driver/contract.ts";
import type { Limits } from "../../driver/limits.ts";
import { messageBytes } from "../../driver/size.ts";
import { PermanentError, RetryAfterError } from "../../errors.ts";
import { alone, caseMaker, type ConformanceCase } from "../case.ts";
import { job, refusal } from "../kit/jobs.ts";
import { letterOf } from "../kit/letters.ts";
import type { Peer } from "../kit/peer.ts";
import { unlessCounts, unlessParks } from "../kit/skips.ts";
import type { Stage } from "../kit/stage.ts";

const check = caseMaker("failure");
const never: AbortSignal = new AbortController().signal;

/** Where a provider has no limit, this is taken for one. */
const LARGE_BYTES = 1_048_576;
/** Of every size limit, what is kept free for the note on a dead letter. */
const RESERVED_BYTES = 4_096;
const MANY_ATTRIBUTES = 100;

function largest(limits: Limits): number {
  return Math.min(limits.maxMessageBytes, limits.maxBatchBytes, LARGE_BYTES * 10);
}

async function deadLetterAll(stage: Stage, peer: Peer, queue: string): Promise<void> {
  const receiving = peer.receive(queue, async () => {
    throw new PermanentError("too much for me");
  });
  const { info } = await letterOf(stage, peer, queue);
  assert.deepEqual([info.reason, info.error], ["permanent_error", "PermanentError: too much for me"]);
  await stage.done("the receiver stops", receiving.stop());
}

/** The largest payload of `x` that a send takes, found by trying. */
async function sendLargest(peer: Peer, queue: string, mostBytes: number): Promise<number> {
  let size = mostBytes;
  for (let step = 0; step < 1_000; step += 1) {
    try {
      await peer.queue.send(queue, job("x".repeat(size)));
      return size;
    } catch (error) {
      refusal("too_large")(error);
      size -= 64;
    }
  }
  throw new assert.AssertionError({ message: `nothing near ${mostBytes} bytes can be sent` });
}

const largestLetter = check(
  "failure.full_size",
  "the largest message that can be sent can be dead-lettered, and comes back whole",
  async (stage) => {
    const mostBytes = largest(stage.declared.limits);
    const queue = await stage.makeQueue();
    const peer = await stage.connect();
    const size = await sendLargest(peer, queue, mostBytes);
    assert.ok(size > mostBytes - RESERVED_BYTES - 2_048, `nearly all of the ${mostBytes} bytes can be used`);
    await deadLetterAll(stage, peer, queue);
    const letter = await letterOf(stage, peer, queue);
    assert.equal(letter.message?.payload, "x".repeat(size));
    assert.equal((await stage.done("the redrive", peer.queue.deadLetters(queue).redrive())).redriven, 1);
    const inbox = stage.inbox();
    peer.receive(queue, inbox.handler());
    await stage.until("it arrives", () => inbox.size > 0);
    assert.equal(inbox.arrivals[0]?.message.payload, "x".repeat(size));
  },
);

/** Sends a message of the full size, with as many attributes as there can be; returns what was sent. */
async function sendFull(
  { limits }: Stage["declared"],
  peer: Peer,
  queue: string,
): Promise<{ readonly body: string; readonly attributes: Attributes }> {
  const attributes: Record<string, string> = { type: "job" };
  const count = Math.min(limits.maxAttributes, MANY_ATTRIBUTES);
  for (let index = 1; index < count; index += 1) attributes[`a${index}`] = `value ${index} äö`;
  const empty = JSON.stringify({ type: "job", payload: "" });
  const fill = largest(limits) - RESERVED_BYTES - messageBytes(empty, attributes, limits);
  const body = JSON.stringify({ type: "job", payload: "x".repeat(fill) });
  const [sent] = await peer.driver.send(queue, [{ body, attributes, delayMs: 0, dedupId: "full" }], never);
  assert.ok(sent?.ok === true, "it was sent");
  return { body, attributes };
}

const fullAttributes = check(
  "failure.full_size",
  "a full-size message with all the attributes there can be is dead-lettered",
  async (stage) => {
    const queue = await stage.makeQueue();
    const peer = await stage.connect();
    const { body } = await sendFull(stage.declared, peer, queue);
    await deadLetterAll(stage, peer, queue);
    const letter = await letterOf(stage, peer, queue);
    assert.ok(Buffer.from(letter.body as string).equals(Buffer.from(body)), "its body is as it was");
    await stage.assertEmpty(queue);
  },
);

const fullRedrive = check(
  "failure.full_size",
  "a full-size message with all the attributes there can be is redriven, and none of them is lost",
  async (stage) => {
    const queue = await stage.makeQueue();
    const peer = await stage.connect();
    const { body, attributes } = await sendFull(stage.declared, peer, queue);
    for (let round = 1; round <= 2; round += 1) {
      await deadLetterAll(stage, peer, queue);
      const { redriven } = await stage.done("the redrive", peer.queue.deadLetters(queue).redrive());
      assert.equal(redriven, 1, `redrive ${round}`);
    }
    const got = await receiveRaw(stage, peer, queue);
    assert.ok(Buffer.from(got.body as string).equals(Buffer.from(body)), "its body is as it was");
    const foreign = Object.entries(originalAttributes(got.attributes)).filter(
      ([name]) => !name.startsWith("qp_"),
    );
    assert.deepEqual(Object.fromEntries(foreign), attributes);
  },
);

const fullRetry = check(
  "failure.full_size",
  "a full-size message with all the attributes there can be is retried by a clone, and delayed by one",
  async (stage) => {
    const queue = await stage.makeQueue();
    const peer = await stage.connect({ limits: { maxReleaseDelayMs: 0, nativeDelayMs: 0 } });
    await sendFull(stage.declared, peer, queue);
    const inbox = stage.inbox();
    peer.receive(
      queue,
      inbox.handler(({ attempt }) => {
        if (attempt < 3) throw new RetryAfterError(stage.timing.unitMs);
      }),
    );
    await stage.until(
      "the third run",
      () => inbox.arrivals.length >= 3,
      2 * stage.timing.unitMs + stage.timing.patienceMs,
    );
    assert.deepEqual(
      inbox.arrivals.map(({ attempt }) => attempt),
      [1, 2, 3],
    );
    for (const [index, { at }] of inbox.arrivals.slice(1).entries()) {
      // Megabytes go back and forth several times on the way.
      const dueAt = (inbox.arrivals[index]?.at ?? 0) + stage.timing.unitMs;
      stage.onTime(`run ${index + 2}`, at, dueAt, 4 * stage.lateMs);
    }
  },
  (declared) => unlessParks(declared) ?? unlessCounts(declared),
);

async function receiveRaw(
  stage: Stage,
  peer: Peer,
  queue: string,
): Promise<{ readonly body: Delivery["body"]; readonly attributes: Attributes }> {
  const source = peer.driver.open(queue, { prefetch: 1, leaseMs: stage.leaseMs });
  const delivery = await stage.nextOf(source);
  await source.settle([{ kind: "ack", delivery }]);
  await stage.done("the source stops", source.stop());
  await source.close();
  return delivery;
}

const tooLarge = check(
  "failure.too_large",
  "a message over the size limit is refused before sending, with the limit in the error",
  async (stage) => {
    const { limits } = stage.declared;
    const most = Math.min(limits.maxMessageBytes, limits.maxBatchBytes);
    const queue = await stage.makeQueue();
    const peer = await stage.connect();
    let requests = 0;
    peer.taps.send = (_queue, messages, pass) => {
      requests += 1;
      return pass(messages);
    };
    const limit = String(most - RESERVED_BYTES);
    await assert.rejects(peer.queue.send(queue, job("x".repeat(most))), refusal("too_large", limit, queue));
    // Bytes are what is counted, not characters.
    await assert.rejects(peer.queue.send(queue, job("漢".repeat(most / 3))), refusal("too_large", limit));
    assert.equal(requests, 0, "nothing was asked of the provider");
    await stage.assertEmpty(queue);
  },
  ({ limits }) =>
    Number.isFinite(limits.maxMessageBytes) || Number.isFinite(limits.maxBatchBytes)
      ? undefined
      : "there is no size limit",
);

// Megabytes are made, encoded and sent: what runs beside that waits for it.
export const sizeCases: readonly ConformanceCase[] = [
  alone(largestLetter),
  alone(fullAttributes),
  alone(fullRedrive),
  alone(fullRetry),
  alone(tooLarge),
];
