import type { Group } from "./case.ts";

/** One line of what is required. */
export interface Line {
  readonly id: string;
  readonly group: Group;
  readonly text: string;
}

/** What every adapter must do, line by line. Each line has its cases; a test of the suite itself sees to that. */
export const lines: readonly Line[] = [
  {
    id: "delivery.intact",
    group: "delivery",
    text: "a message arrives once, equal in id, type, payload, headers and createdAt; payloads: empty object, null, nested, unicode, 200 KB",
  },
  {
    id: "delivery.apart",
    group: "delivery",
    text: "two queues on the same connection: nothing crosses from one to the other",
  },
  {
    id: "delivery.crowd",
    group: "delivery",
    text: "5,000 messages from 50 concurrent senders to 50 concurrent handlers: none lost (duplicates allowed only where at-least-once is declared, and counted)",
  },
  {
    id: "delivery.many_queues",
    group: "delivery",
    text: "20 queues at once, 100 messages each: every queue complete",
  },
  {
    id: "delivery.before_receiver",
    group: "delivery",
    text: "messages that were sent before a receiver existed are received",
  },
  {
    id: "delivery.replaced_receiver",
    group: "delivery",
    text: "a receiver that stops and is replaced, five times over, loses nothing",
  },
  {
    id: "delivery.start_and_close",
    group: "delivery",
    text: "ten receivers that start and close at the same moment leave the queue healthy",
  },
  {
    id: "delivery.aborted",
    group: "delivery",
    text: "already-aborted signal: send and receive reject with the abort reason and do nothing",
  },
  {
    id: "delivery.missing_queue",
    group: "delivery",
    text: "send and receive on a queue that does not exist: a `not_found` error that names the queue (a provider that creates queues creates it instead)",
  },
  {
    id: "delivery.closed",
    group: "delivery",
    text: "send after close: a `closed` error; a second close is fine",
  },
  {
    id: "delivery.headers",
    group: "delivery",
    text: "header keys and values survive exactly, or are refused before sending with a clear error; never silently changed",
  },
  { id: "acknowledgement.ack", group: "acknowledgement", text: "ack removes; acking twice is no error" },
  {
    id: "acknowledgement.nack",
    group: "acknowledgement",
    text: "nack redelivers; nack with a delay redelivers neither early nor more than a bounded time late",
  },
  {
    id: "acknowledgement.attempts",
    group: "acknowledgement",
    text: "the attempt number is 1, 2, 3 … exactly, across nacks, lease expiries and process restarts (no responses lost)",
  },
  {
    id: "acknowledgement.hand_back",
    group: "acknowledgement",
    text: "a message handed back unstarted by ten drains in a row with `maxAttempts: 1` is still run, not dead-lettered",
  },
  {
    id: "acknowledgement.lease",
    group: "acknowledgement",
    text: "a lease that expires without ack redelivers; a handler longer than the lease is kept alive by extension and runs once",
  },
  {
    id: "acknowledgement.partial",
    group: "acknowledgement",
    text: "a settlement that fails for one message of a batch fails for that one alone",
  },
  {
    id: "failure.backoff",
    group: "failure",
    text: "a handler that throws is retried with backoff (exponential, jittered, capped), up to `maxAttempts`, then dead-lettered with reason, error, attempts, original queue and time",
  },
  {
    id: "failure.outright",
    group: "failure",
    text: "a permanent error is dead-lettered at once; a retry-after error sets its own delay",
  },
  {
    id: "failure.unreadable",
    group: "failure",
    text: "a malformed body is dead-lettered with the bytes as they came; an unknown type is not lost, and does not loop",
  },
  {
    id: "failure.dead_letters",
    group: "failure",
    text: "dead letters can be listed without deleting them, redriven (attempts start over, never swallowed by a dedup window) and discarded",
  },
  {
    id: "failure.mending",
    group: "failure",
    text: "dead letters that failed alike are told together; a redrive can go to another queue, leaves what its transform throws over, and ends when it is told to, with nothing lost",
  },
  {
    id: "failure.broker",
    group: "failure",
    text: "what the provider dead-letters by itself is listed as such, and can be redriven",
  },
  {
    id: "failure.full_size",
    group: "failure",
    text: "a full-size message with a full set of attributes can still be dead-lettered, with its reason",
  },
  {
    id: "failure.crash_loop",
    group: "failure",
    text: "a message that kills its process each time is dead-lettered as `crash_loop`",
  },
  {
    id: "failure.batch",
    group: "failure",
    text: "a failing send inside a batch reports that entry alone; the others are sent",
  },
  {
    id: "failure.too_large",
    group: "failure",
    text: "a message over the size limit is refused before sending, with the limit in the error",
  },
  {
    id: "delay.on_time",
    group: "delay",
    text: "a delayed message is not early, and at most a bounded time late",
  },
  {
    id: "delay.beyond",
    group: "delay",
    text: "a delay longer than the provider's own maximum arrives on time (virtual clock or shortened limits), survives a restart of every process in between, and does not use up attempts",
  },
  {
    id: "delay.edges",
    group: "delay",
    text: "zero and past times mean now; a negative or non-finite delay is refused",
  },
  {
    id: "delay.cancel",
    group: "delay",
    text: "a delayed send can be cancelled where that is declared, and is refused as `not_supported` where it is not",
  },
  {
    id: "ordering.by_key",
    group: "ordering",
    text: "per-key order over 16 keys and 1,000 messages with 10 receivers: exact",
  },
  { id: "ordering.blocked_key", group: "ordering", text: "a failed head of a key blocks that key alone" },
  { id: "ordering.dedup", group: "ordering", text: "a repeated dedup id inside the window is sent once" },
  {
    id: "ordering.undeclared",
    group: "ordering",
    text: "what is not declared is refused loudly, as `not_supported`: order, deduplication, a delay that would break an order",
  },
  {
    id: "lifecycle.drain",
    group: "lifecycle",
    text: "drain: intake stops, running handlers finish until the deadline, then their signals abort and their leases are released, so that another worker gets them at once",
  },
  {
    id: "lifecycle.restarts",
    group: "lifecycle",
    text: "servers that keep their messages are restarted at one third and at one half of 10,000 messages, elsewhere every connection is cut: none lost",
  },
  {
    id: "lifecycle.cut",
    group: "lifecycle",
    text: "the connection is cut mid-receive and mid-ack: receiving resumes by itself; nothing is lost",
  },
  {
    id: "lifecycle.stats",
    group: "lifecycle",
    text: "stats: ready, in flight, delayed and dead-lettered counts move as they should; what a provider cannot tell is `undefined`, never a made-up 0",
  },
  {
    id: "lifecycle.trace",
    group: "lifecycle",
    text: "trace context that was set by the sender reaches the handler",
  },
];
