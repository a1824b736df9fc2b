import type { Queue, SendReceipt } from "../../src/index.ts";
import { generateReport, queues, sendOnboardingTips, sendWelcomeEmail } from "./jobs.ts";

/** Sends one job; resolves when the provider has it. */
export type Send = () => Promise<SendReceipt>;

/**
 * The application service, on a busy day: people sign up, and some of them order a report. It sends and goes on; when
 * and where the jobs are done is not its concern. Without end: take as many as you like.
 *
 * @yields one send after the other, not yet begun
 */
export function* busyDay(queue: Queue, daySeconds: number): Generator<Send> {
  for (let number = 0; ; number += 1) {
    const { userId, name, email } = customer(number);
    yield () => queue.send(queues.emails, sendWelcomeEmail.message({ userId, name, email }));
    yield () =>
      queue.sendDelayed(queues.emails, sendOnboardingTips.message({ userId, email }), {
        seconds: 3 * daySeconds, // outside of a demo: { days: 3 }
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
