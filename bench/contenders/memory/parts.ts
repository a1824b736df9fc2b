import { newId } from "../../../src/lib/ids.ts";
import { payloadOf, schema } from "../job.ts";
import { Meter, options, report } from "../measure.ts";

/**
 * The work that every message needs, in a loop without a queue: create a time-based id, validate the payload before and
 * after, write and read the envelope, and create one promise for the sender and one for the handler. Leases, timeouts,
 * retries, counters and events are left out.
 */
const { concurrency, warmUp, messages } = options() as {
  readonly concurrency: number;
  readonly warmUp: number;
  readonly messages: number;
};
/** Equal to the backlog of the full path, so that a body is read as long after it was written. */
const BACKLOG = 5_000;
const meter = new Meter({ warmUp, messages });

async function send(number: number): Promise<string> {
  const sentAt = Date.now();
  const payload = JSON.stringify(schema.parse(payloadOf(number)));
  const body = `{"id":"${newId(sentAt)}","type":"bench_job","payload":${payload},"created_at":${sentAt}}`;
  // Joins the parts of the string while they are in the cache, as the check for unsupported characters does in a queue.
  if (body.includes("\uffff")) throw new Error("This body would have to be escaped.");
  return body;
}

async function handle(body: string): Promise<void> {
  const { payload } = JSON.parse(body) as { readonly payload: unknown };
  schema.parse(payload);
  meter.count();
}

for (let sent = 0; sent < warmUp + messages; sent += BACKLOG) {
  const bodies = await Promise.all(Array.from({ length: BACKLOG }, (_, index) => send(sent + index)));
  for (let at = 0; at < BACKLOG; at += concurrency)
    await Promise.all(bodies.slice(at, at + concurrency).map(handle));
}
report(await meter.done);
