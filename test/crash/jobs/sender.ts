import { setTimeout as sleep } from "node:timers/promises";
import type { JobProcessHost } from "./host.ts";
import { idOf, OTHER_KEYS, sendingOf, typeOf } from "./config.ts";
import { messagesIn } from "./records.ts";

const AT_ONCE = 20;
/** Jobs between two looks at the queue. */
const LOOK_AFTER = 100;
const LOOK_MS = 100;
/** Messages in the queue up to which more are sent: what a killed process held would wait behind all of them. */
const MOST_WAITING = 200;
const SEND_MS = 120_000;
const MAX_ATTEMPTS = 50;
const MAX_DELAY_MS = 1_000;

/** Sends jobs: those that a killed sender has named itself once more, and then new ones. */
export async function sendJobs(host: JobProcessHost): Promise<void> {
  const { send } = host.config;
  if (send === undefined) return;
  const numbers = [...send.again];
  for (let number = send.from; number < send.to; number += 1) numbers.push(number);
  for (let at = 0; at < numbers.length && !host.signal.aborted; at += AT_ONCE) {
    if (at % LOOK_AFTER === 0) await untilRoom(host);
    await Promise.all(numbers.slice(at, at + AT_ONCE).map((number) => sendOne(host, number)));
  }
}

async function untilRoom({ queue, config, signal }: JobProcessHost): Promise<void> {
  while (!signal.aborted && (await messagesIn(queue, [config.queue])) > MOST_WAITING) await sleep(LOOK_MS);
}

async function sendOne({ config, jobs, queue, log }: JobProcessHost, number: number): Promise<void> {
  const sending = sendingOf(number);
  const type = typeOf(number);
  const id = idOf(number);
  const message = { type, payload: { key: number }, maxAttempts: MAX_ATTEMPTS };
  const options = { queue: config.queue, deadlineMs: SEND_MS };
  log.write({ kind: "sending", key: number });
  if (sending === "reused") {
    // A producer that knows nothing of recorded jobs. Service Bus would take the id for that of a repeated message.
    const dedupId = config.adapter.name === "service-bus" ? `reused-${number}` : undefined;
    await queue.send(config.queue, { ...message, id, dedupId });
    return log.write({ kind: "sent", key: number, id: id ?? "", tracked: false });
  }
  const sent = await retried(() => {
    if (sending === "plain") return jobs.send(message, options);
    if (sending === "key") return jobs.send(message, { ...options, idempotencyKey: `key-${number}` });
    const delay = sending === "delayed" ? (number * 37) % MAX_DELAY_MS : undefined;
    return jobs.send({ ...message, id: id ?? "" }, { ...options, delay });
  }, sending !== "plain");
  if (sending === "elsewhere" && config.otherQueue !== undefined) {
    const key = number + OTHER_KEYS;
    log.write({ kind: "sending", key });
    await queue.send(config.otherQueue, { ...message, payload: { key }, id });
    log.write({ kind: "sent", key, id: sent.id, tracked: false });
  }
  log.write({ kind: "sent", key: number, id: sent.id, tracked: sent.tracked });
}

/** A send of a job that has a name can be repeated when its outcome is not known. */
async function retried<T>(send: () => Promise<T>, isNamed: boolean): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await send();
    } catch (error) {
      if (!isNamed || tries >= 20) throw error;
    }
  }
}
