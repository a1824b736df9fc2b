import type { Group } from "./case.ts";

/** One requirement of the manifest. */
export interface Requirement {
  readonly id: `${Group}.${string}`;
  readonly text: string;
}

/** Everything that an adapter must do. A test of the suite checks that each requirement has a case. */
export const requirements: readonly Requirement[] = [
  {
    id: "delivery.intact",
    text: "a message arrives once, equal in id, type, payload, headers and createdAt; payloads: empty object, null, nested, Unicode, 200 KB",
  },
  {
    id: "delivery.apart",
    text: "two queues on the same connection: no message crosses from one to the other",
  },
  {
    id: "delivery.crowd",
    text: "5,000 messages from 50 concurrent senders to 50 concurrent handlers: none is lost (duplicates are allowed only where at-least-once is declared, and are counted)",
  },
  { id: "delivery.many_queues", text: "20 queues at once, 100 messages each: every queue is complete" },
  {
    id: "delivery.before_receiver",
    text: "messages that were sent before a receiver existed are received",
  },
  {
    id: "delivery.replaced_receiver",
    text: "a receiver that is stopped and replaced five times loses no message",
  },
  {
    id: "delivery.start_and_close",
    text: "ten receivers that start and close at the same time leave the queue working",
  },
  {
    id: "delivery.aborted",
    text: "with a signal that is already aborted, send and receive reject with the abort reason and make no request",
  },
  {
    id: "delivery.missing_queue",
    text: "send and receive on a queue that does not exist: a `not_found` error that names the queue (a provider that creates queues creates it instead)",
  },
  { id: "delivery.closed", text: "send after close: a `closed` error; a second close is allowed" },
  {
    id: "delivery.headers",
    text: "header names and values arrive exactly as sent, or are refused before sending with a clear error; they are never changed silently",
  },
  {
    id: "acknowledgement.ack",
    text: "an acknowledgement removes the message; a repeated one is not an error",
  },
  {
    id: "acknowledgement.nack",
    text: "a retry redelivers the message; a retry with a delay redelivers it neither early nor more than a bounded time late",
  },
  {
    id: "acknowledgement.attempts",
    text: "the attempt number is 1, 2, 3 … exactly, across retries, lease expiries and process restarts (no answer lost)",
  },
  {
    id: "acknowledgement.hand_back",
    text: "a message that is released unstarted by ten drains in a row with `maxAttempts: 1` is still run, not dead-lettered",
  },
  {
    id: "acknowledgement.lease",
    text: "a lease that expires without an acknowledgement redelivers the message; a handler longer than the lease keeps the message by extensions and runs once",
  },
  {
    id: "acknowledgement.partial",
    text: "a settlement that fails for one message of a batch fails for that message alone",
  },
  {
    id: "failure.backoff",
    text: "a handler that throws is retried with backoff (exponential, jittered, capped), up to `maxAttempts`; then the message is dead-lettered with reason, error, attempts, original queue and time",
  },
  {
    id: "failure.outright",
    text: "a permanent error dead-letters the message at once; a retry-after error sets its own delay",
  },
  {
    id: "failure.unreadable",
    text: "a malformed body is dead-lettered with its bytes unchanged; a message of an unknown type is not lost and does not loop",
  },
  {
    id: "failure.dead_letters",
    text: "dead letters can be listed without being deleted, redriven (attempts start over, never absorbed by a deduplication window) and discarded",
  },
  {
    id: "failure.mending",
    text: "dead letters that failed alike are reported as one group; a redrive can go to another queue, leaves messages whose transform throws, and can be stopped, with nothing lost",
  },
  {
    id: "failure.broker",
    text: "messages that the provider dead-letters itself are listed as such, and can be redriven",
  },
  {
    id: "failure.full_size",
    text: "a full-size message with the most attributes allowed can still be dead-lettered, with its reason",
  },
  {
    id: "failure.crash_loop",
    text: "a message that kills its process on every delivery is dead-lettered as `crash_loop`",
  },
  {
    id: "failure.batch",
    text: "a message of a batch that fails to be sent is reported alone; the others are sent",
  },
  {
    id: "failure.too_large",
    text: "a message over the size limit is refused before sending, with the limit in the error",
  },
  { id: "delay.on_time", text: "a delayed message is not early, and at most a bounded time late" },
  {
    id: "delay.beyond",
    text: "a delay longer than the provider's own maximum arrives on time (virtual clock or shortened limits), survives a restart of every process in between, and does not use up attempts",
  },
  {
    id: "delay.edges",
    text: "zero and past times mean now; a negative or non-finite delay is refused",
  },
  {
    id: "delay.cancel",
    text: "a delayed send can be cancelled where that is declared, and is refused as `not_supported` where it is not",
  },
  {
    id: "ordering.by_key",
    text: "order by key over 16 keys and 1,000 messages with 10 receivers is exact",
  },
  { id: "ordering.blocked_key", text: "a failed message at the head of a key blocks that key alone" },
  { id: "ordering.dedup", text: "a repeated dedup id inside the window is sent once" },
  {
    id: "ordering.undeclared",
    text: "what is not declared is refused as `not_supported`: order, deduplication, a delay that would break an order",
  },
  {
    id: "lifecycle.drain",
    text: "drain: polling stops, running handlers finish until the deadline, then their signals abort and their leases are released, so that another worker gets the messages at once",
  },
  {
    id: "lifecycle.restarts",
    text: "servers that keep their messages are restarted at one third and at one half of 10,000 messages, elsewhere every connection is cut: no message is lost",
  },
  {
    id: "lifecycle.cut",
    text: "the connection is cut during a receive and during an acknowledgement: receiving resumes on its own, and no message is lost",
  },
  {
    id: "lifecycle.stats",
    text: "stats: the counts of ready, leased, delayed and dead-lettered messages change correctly; a count that a provider does not give is `undefined`, never a made-up 0",
  },
  {
    id: "lifecycle.trace",
    text: "a trace context that the sender set reaches the handler",
  },
];
