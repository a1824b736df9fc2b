// Shows: a script that looks at dead letters, corrects them, and sends them back to their queue.
// Run:   npx node examples/redrive/main.ts
// Ends:  when the dead letters have been redriven and handled.
import { openQueue, PermanentError, type Queue, Worker } from "queueport";

const queue = await openQueue({ provider: "memory" });
await failSome(queue);

const deadLetters = queue.deadLetters("emails");
for (const { count, type, reason, error } of await deadLetters.groups()) {
  console.log(`${count} x ${type}, ${reason}: ${error}`);
}

const result = await deadLetters.redrive({
  reason: "permanent_error",
  // Corrects each message on its way. To leave one where it is, return undefined.
  transform: (message) => {
    if (message === undefined) return undefined; // its body cannot be read
    const { email } = message.payload as { email: string };
    return email.includes("@") ? { ...message, payload: { email: email.replace(/,/g, ".") } } : undefined;
  },
  ratePerSecond: 100,
});
console.log(`matched ${result.matched}, redriven ${result.redriven}, skipped ${result.skipped}`);

await handle(queue, result.redriven, ({ email }) => console.log(`sent to ${email}`));
await queue.close();

/** Fills the dead-letter queue. In an application, yesterday's failures have done that. */
async function failSome(on: Queue): Promise<void> {
  for (const email of ["ada@example,com", "grace@example,com", "nobody"]) {
    await on.send("emails", { type: "welcome", payload: { email } });
  }
  await handle(on, 3, () => {
    throw new PermanentError("550 no such mailbox"); // dead-lettered at once, without another attempt
  });
}

/** Runs a worker until `count` jobs have ended. */
async function handle(
  on: Queue,
  count: number,
  send: (payload: { readonly email: string }) => void,
): Promise<void> {
  const worker = new Worker(on);
  let left = count;
  const onEnd = (): void => {
    left -= 1;
    if (left === 0) void worker.stop();
  };
  worker.register<{ email: string }>("welcome", ({ payload }) => send(payload));
  worker.on("completed", onEnd).on("dead_lettered", onEnd);
  await worker.run("emails"); // works until stop
}
