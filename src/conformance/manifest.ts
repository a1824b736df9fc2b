import type { Group } from "./case.ts";

/** One requirement of the manifest. */
export interface Requirement {
  readonly id: `${Group}.${string}`;
  readonly text: string;
}

/** Everything that an adapter must do. A test of the suite checks that each requirement has a case. */
export const requirements: readonly Requirement[] = [
  {
    id: "contract.results",
    text: "`send` and `settle` return one result for each item, in the order of the items, also if an item is refused without a request",
  },
  {
    id: "contract.abort",
    text: "an aborted `next` resolves empty immediately and loses no message; an aborted `send` rejects as ambiguous immediately",
  },
  {
    id: "contract.prefetch",
    text: "a source leases no more messages than its prefetch, those of aborted calls included",
  },
  {
    id: "contract.wait",
    text: "`next` waits for `waitMs`, and returns a message as soon as it is ready",
  },
  {
    id: "contract.stop",
    text: "`stop` waits for the requests under way, and returns the messages that they bring",
  },
  {
    id: "contract.retention",
    text: "an array or a body of bytes is not read after a call has returned; a delivery that was handed out is not kept",
  },
  {
    id: "contract.identity",
    text: "body and attributes come back unchanged; each delivery of a message has the same broker's id and time, and the next count",
  },
  {
    id: "contract.cancel",
    text: "each cancellable message has a handle of its own, which cancels that message alone",
  },
  {
    id: "contract.lease",
    text: "an extension and a release with a delay set the time from which a message is delivered again; an acknowledgement may overlap with an extension",
  },
  {
    id: "contract.lease_lost",
    text: "a settlement by a former holder is `lease_lost` and does not change the message; a repeated acknowledgement succeeds",
  },
  {
    id: "contract.closed",
    text: "a source settles after its stop; after its close, its calls reject as permanent; a source and a driver may be closed twice",
  },
  {
    id: "contract.counts",
    text: "messages whose lease or delay has ended count as ready before they are delivered",
  },
  { id: "contract.ensure", text: "`ensure` of a queue that exists keeps its messages" },
  {
    id: "contract.delay",
    text: "A message that is sent with a delay is delivered when it is due, and not before",
  },
  { id: "contract.drop", text: "`drop` removes a queue and its siblings with their messages" },
  {
    id: "contract.errors",
    text: "errors have their kind: a missing queue is `not_found`; `classify` never throws",
  },
  {
    id: "contract.transaction",
    text: "a message that is sent in a transaction of the user exists from its commit on, and not at all if it is rolled back; a provider without transactions refuses it before a request",
  },
  {
    id: "contract.lost_answer",
    text: "a request whose answer is lost is `ambiguous`, and the driver does not repeat it",
  },
  {
    id: "delivery.intact",
    text: "a message arrives once, with the same id, type, payload, headers and createdAt; the payloads are an empty object, null, nested values, Unicode and 200 KB",
  },
  {
    id: "delivery.apart",
    text: "two queues on the same connection: no message crosses from one to the other",
  },
  {
    id: "delivery.crowd",
    text: "5,000 messages from 50 concurrent senders to 50 concurrent handlers: none is lost (duplicates are counted, and are allowed only if the adapter declares at-least-once delivery)",
  },
  {
    id: "delivery.async_context",
    text: "every handler and listener of receive begins in the asynchronous context of the caller of receive, while jobs and senders have contexts of their own",
  },
  {
    id: "delivery.async_context_worker",
    text: "the same for the handlers, the middleware and the listeners of a worker, and the caller of run",
  },
  {
    id: "delivery.many_queues",
    text: "20 queues at the same time, with 100 messages each: every message of every queue arrives",
  },
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
  {
    id: "delivery.names",
    text: "a queue whose name is reserved for a queue in use, or that the provider cannot have, is refused before a request; what another program puts into a delay queue is not moved",
  },
  { id: "delivery.closed", text: "send after close: a `closed` error; a second close is allowed" },
  {
    id: "delivery.headers",
    text: "header names and values arrive exactly as sent, or are refused before sending with a clear error; they are never changed silently",
  },
  {
    id: "delivery.foreign",
    text: "a message of another producer is read the same way as on every other provider, from text and from bytes: a byte order mark is skipped, no data with a type attribute is null, domain data is the payload as a whole, a CloudEvent is read; its attributes are visible, also after a retry",
  },
  {
    id: "acknowledgement.ack",
    text: "an acknowledgement removes the message; a second acknowledgement of the same message is not an error",
  },
  {
    id: "acknowledgement.nack",
    text: "a retry redelivers the message; a retry with a delay never redelivers it early, and at most a bounded time late",
  },
  {
    id: "acknowledgement.attempts",
    text: "the attempt number is exactly 1, 2, 3 … across retries, lease expiries and process restarts, if no response of the provider is lost",
  },
  {
    id: "acknowledgement.release",
    text: "a message with `maxAttempts: 1` is still run, and not dead-lettered, after ten drains in a row released it before its handler started",
  },
  {
    id: "acknowledgement.lease",
    text: "a lease that expires without an acknowledgement redelivers the message; while a handler runs longer than the lease, the lease is extended, and the handler runs once",
  },
  {
    id: "acknowledgement.partial",
    text: "if one message of a batch cannot be settled, the other messages of the batch are still settled",
  },
  {
    id: "failure.backoff",
    text: "a handler that throws is retried with backoff (exponential, jittered, capped), up to `maxAttempts`; then the message is dead-lettered with reason, error, attempts, original queue and time",
  },
  {
    id: "failure.outright",
    text: "a `PermanentError` dead-letters the message immediately; a `RetryAfterError` sets the delay of the retry",
  },
  {
    id: "failure.unreadable",
    text: "a malformed body is dead-lettered with its bytes unchanged; a message of an unknown type is not lost, and is redelivered at growing intervals",
  },
  {
    id: "failure.dead_letters",
    text: "dead letters can be listed without being deleted, can be redriven, and can be discarded; the attempts of a redriven message start again at 1, and no deduplication window drops the message",
  },
  {
    id: "failure.transform",
    text: "dead letters that failed alike are reported as one group; a redrive can send to another queue; a message whose transform throws stays a dead letter; a redrive that is stopped loses no message",
  },
  {
    id: "failure.broker",
    text: "messages that the provider itself dead-letters are listed with a reason that begins with `broker`, and can be redriven",
  },
  {
    id: "failure.full_size",
    text: "a message of the maximum size, with the maximum number of attributes, can still be dead-lettered with its reason",
  },
  {
    id: "failure.crash_loop",
    text: "a message that kills its process on every delivery is dead-lettered as `crash_loop`",
  },
  {
    id: "failure.batch",
    text: "if one message of a batch cannot be sent, only that message is reported as failed; the others are sent",
  },
  {
    id: "failure.too_large",
    text: "a message over the size limit is refused before sending, with the limit in the error",
  },
  { id: "delay.on_time", text: "a delayed message never arrives early, and at most a bounded time late" },
  {
    id: "delay.beyond",
    text: "a message arrives on time, and with no attempt used, if its delay exceeds the provider's maximum and every process restarts during the delay (tested with a virtual clock or lowered limits)",
  },
  {
    id: "delay.edges",
    text: "a delay of zero and a time in the past mean no delay; a negative or non-finite delay is refused",
  },
  {
    id: "delay.cancel",
    text: "a delayed message can be cancelled if the adapter declares that; otherwise a cancellable send is refused as `not_supported`",
  },
  {
    id: "ordering.by_key",
    text: "10 receivers handle 1,000 messages of 16 keys, and the order of each key is exact",
  },
  { id: "ordering.blocked_key", text: "a failed first message of a key blocks only that key" },
  { id: "ordering.dedup", text: "two messages with the same dedup id inside the window are delivered once" },
  {
    id: "ordering.undeclared",
    text: "an ordering key, a dedup id or a delay with an ordering key is refused as `not_supported` if the queue does not support it",
  },
  {
    id: "lifecycle.drain",
    text: "a drain stops polling, and lets running handlers finish until the deadline; then their signals abort and their leases are released, so that another worker gets the messages immediately",
  },
  {
    id: "lifecycle.restarts",
    text: "after one third and after one half of 10,000 messages, the server is restarted, or every connection is cut if the server does not keep its messages: no message is lost",
  },
  {
    id: "lifecycle.cut",
    text: "the connection is cut during a receive and during an acknowledgement: receiving resumes automatically, and no message is lost",
  },
  {
    id: "lifecycle.stats",
    text: "the counts of ready, leased, delayed and dead-lettered messages change correctly; a count that the provider does not report is `undefined`, never 0",
  },
  {
    id: "lifecycle.trace",
    text: "a trace context that the sender set reaches the handler",
  },
];
