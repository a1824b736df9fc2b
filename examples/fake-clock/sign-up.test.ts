// Shows: tests that wait three days, and through every retry, without sleeping: the test moves the clock.
// Run:   npx node --test examples/fake-clock/sign-up.test.ts
// Ends:  after about a second, in which three days pass.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createQueue } from "queueport";
import { memory } from "queueport/memory";
import { FakeClock, recordJobs, runUntilIdle } from "queueport/testing";
import { createWorker, type SendMail, signUp } from "./sign-up.ts";

const DAY_MS = 86_400_000;

test("a customer who signs up gets a welcome at once and tips three days later", async () => {
  const clock = new FakeClock();
  const queue = createQueue(memory({ clock }));
  const startedAt = clock.now();
  const mails: { subject: string; afterMs: number }[] = [];
  const sendMail: SendMail = async (_to, subject) => {
    mails.push({ subject, afterMs: clock.now() - startedAt });
  };

  await signUp(queue, "ada@example.com");
  await runUntilIdle(createWorker(queue, sendMail), "emails", { clock });

  assert.deepEqual(mails, [
    { subject: "Welcome", afterMs: 0 },
    { subject: "Tips", afterMs: 3 * DAY_MS },
  ]);
  await queue.close();
});

test("a mail that fails three times is dead-lettered with its error", async () => {
  const clock = new FakeClock();
  const queue = createQueue(memory({ clock }));
  const jobs = recordJobs(queue);
  const sendMail: SendMail = async (_to, subject) => {
    if (subject === "Welcome") throw new Error("421 server busy");
  };

  await signUp(queue, "ada@example.com");
  jobs.assertSent("welcome", { email: "ada@example.com" });
  await runUntilIdle(createWorker(queue, sendMail), "emails", { clock });

  jobs.assertDeadLettered("welcome", "max_attempts");
  jobs.assertCompleted("tips", 1);
  const [deadLetter] = await clock.until(queue.deadLetters("emails").list());
  assert.equal(deadLetter?.info.attempts, 3);
  assert.match(deadLetter.info.error, /421 server busy/);
  jobs.close();
  await queue.close();
});
