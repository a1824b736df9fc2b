import { sqlite } from "../../../../adapters/sqlite/index.ts";
import { ack, never, outgoing } from "./fixture.ts";

/**
 * A process that sends or handles messages until it is killed, or until a write fails. Prints a line for each message that was
 * accepted or acknowledged. Its arguments are the path of the file, the work, the first characters of its bodies, and a user
 * who may not write everything.
 */
const [path = "", work = "", name = "", user] = process.argv.slice(2);
if (user !== undefined) process.setuid?.(Number(user));
const driver = sqlite({ path });
// An idle driver does not keep its process alive.
const alive = setInterval(() => {}, 1_000);
try {
  await (work === "send" ? Promise.all(Array.from({ length: 5 }, (_, row) => send(row))) : handle());
} catch (error) {
  const { message } = error as Error;
  console.log(`error ${JSON.stringify({ kind: driver.classify(error), message })}`);
  clearInterval(alive);
  await driver.close();
}

async function send(row: number): Promise<void> {
  for (let index = 0; ; index += 1) {
    const bodies = Array.from({ length: 10 }, (_, at) => `${name}-${row}-${index}-${at}`);
    const messages = bodies.map((body) => outgoing(body, { attributes: { filler: "x".repeat(500) } }));
    const results = await driver.send("q", messages, never);
    for (const [at, result] of results.entries()) {
      if (!result.ok) throw result.error;
      console.log(`sent ${bodies[at]}`);
    }
  }
}

async function handle(): Promise<void> {
  const source = driver.open("q", { prefetch: 20, leaseMs: 1_000 });
  console.log("ready");
  for (;;) {
    const deliveries = await source.next(20, never);
    for (const { body } of deliveries) console.log(`received ${String(body)} ${performance.now()}`);
    const results = await source.settle(deliveries.map(ack));
    for (const [index, result] of results.entries())
      if (result.ok) console.log(`acked ${String(deliveries[index]?.body)}`);
  }
}
