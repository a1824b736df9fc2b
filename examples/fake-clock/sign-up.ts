// Shows: a service and its worker, written so that a test can run them. The test is sign-up.test.ts.
// Run:   npx node --test examples/fake-clock/sign-up.test.ts
// Ends:  after about a second, in which three days pass.
import { type Queue, Worker } from "queueport";

/** Sends one mail. The application passes the real function, a test passes one of its own. */
export type SendMail = (to: string, subject: string) => Promise<void>;

/** The service: sends a welcome now, and tips in three days. */
export async function signUp(queue: Queue, email: string): Promise<void> {
  await queue.send("emails", { type: "welcome", payload: { email }, maxAttempts: 3 });
  await queue.sendDelayed("emails", { type: "tips", payload: { email } }, { days: 3 });
}

/** The worker: handles what {@link signUp} sends. */
export function createWorker(queue: Queue, sendMail: SendMail): Worker {
  const worker = new Worker(queue);
  worker.register<{ email: string }>("welcome", ({ payload }) => sendMail(payload.email, "Welcome"));
  worker.register<{ email: string }>("tips", ({ payload }) => sendMail(payload.email, "Tips"));
  return worker;
}
