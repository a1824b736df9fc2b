import type { Queue, SendReceipt } from "../../src/index.ts";
import { generateReport, queues, sendOnboardingTips, sendWelcomeEmail } from "./jobs.ts";

/** Sends one job. Resolves when the provider has accepted it. */
export type Send = () => Promise<SendReceipt>;

/**
 * The application service on a busy day: customers sign up, and every other one orders a report. The sequence is
 * endless; take as many sends as you like.
 *
 * @yields a function that sends one job when it is called
 */
export function* busyDay(queue: Queue, daySeconds: number): Generator<Send> {
  for (let number = 0; ; number += 1) {
    const { userId, name, email } = customer(number);
    yield () => queue.send(queues.emails, sendWelcomeEmail.message({ userId, name, email }));
    yield () =>
      queue.sendDelayed(queues.emails, sendOnboardingTips.message({ userId, email }), {
        seconds: 3 * daySeconds, // in an application: { days: 3 }
      });
    if (number % 2 === 0) {
      yield () => queue.send(queues.reports, generateReport.message({ userId, name, pages: 10 }));
    }
  }
}

const names =
  "Ada Blaise Carl Dorothy Emmy Frances Grace Hedy Ida Joan Karen Leslie Mary Niklaus Ole Pat".split(" ");

function customer(number: number): { userId: string; name: string; email: string } {
  const round = Math.floor(number / names.length);
  const name = `${names[number % names.length]}${round === 0 ? "" : ` ${round + 1}`}`;
  return { userId: `user-${number}`, name, email: `${name.toLowerCase().replace(" ", "")}@mail.example` };
}
