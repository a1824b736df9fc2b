// Shows: a job whose payload a zod schema types and checks, for its senders and for its handler.
// Run:   npx node examples/typed/main.ts
// Ends:  when the job is done.
import { defineJob, isQueueError, openQueue, Worker } from "queueport";
import { z } from "zod";

/** The job type. Services and workers import this definition, so that both have the same type and limits. */
const sendInvoice = defineJob({
  type: "send_invoice",
  schema: z.object({
    email: z.email(),
    cents: z.int().positive(),
    currency: z.enum(["EUR", "USD"]).default("EUR"),
  }),
  maxAttempts: 3,
  timeoutMs: 10_000,
});

const queue = await openQueue({ provider: "memory" });

const worker = new Worker(queue);
worker.register(sendInvoice, ({ payload }) => {
  // `currency` is always set here: the schema has filled in its default.
  console.log(`${payload.email} owes ${(payload.cents / 100).toFixed(2)} ${payload.currency}`);
});
worker.once("completed", () => void worker.stop());

// The compiler accepts this payload, and the schema refuses it: nothing is sent.
try {
  await queue.send("invoices", sendInvoice.message({ email: "ada", cents: 1_250 }));
} catch (error) {
  if (!isQueueError(error, "invalid_payload")) throw error;
  console.log(`refused: ${error.message}`);
}

await queue.send("invoices", sendInvoice.message({ email: "ada@example.com", cents: 1_250 }));
await worker.run("invoices"); // works until stop
await queue.close();
