import { newId } from "../../../src/lib/ids.ts";
import { payloadOf, schema } from "../job.ts";
import { Meter, options, tell } from "../side.ts";

/**
 * What no message can be without, in a loop: an id of its time, its payload validated before and after, its envelope
 * written and read, a promise for who sends it and one of its handler. There is no queue here: nothing is leased,
 * limited in time, tried again, counted or told of.
 */
const { concurrency, warmUp, messages } = options() as {
  readonly concurrency: number;
  readonly warmUp: number;
  readonly messages: number;
};
/** As many as wait in memory when it is measured as a whole: a body is read long after it was written. */
const BACKLOG = 5_000;
const meter = new Meter({ warmUp, messages });

async function send(number: number): Promise<string> {
  const sentAt = Date.now();
  const payload = JSON.stringify(schema.parse(payloadOf(number)));
  const body = `{"id":"${newId(sentAt)}","type":"bench_job","payload":${payload},"created_at":${sentAt}}`;
  // Looked through, for what not every provider carries, it becomes one piece: later, its pieces would be cold.
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
tell(await meter.done);
