import type { JobLedger } from "./job-ledger.ts";
import type { JobHeld } from "./tracked-job.ts";

/** Records what a process leaves behind that dies now. */
export function noteCrash(ledger: JobLedger, process: string, held: readonly JobHeld[]): void {
  for (const { run, copy, isReplaced } of held) {
    ledger.excuse(copy);
    const isLetter = ledger.queuesOf(copy.queue).deadLetters === copy.queue;
    if (isLetter) {
      if (isReplaced) ledger.reached("redrive: the operator dies between the copy and the letter");
    } else if (run === undefined) {
      if (!isReplaced && ledger.queuesOf(copy.queue).main === copy.queue)
        ledger.reached("run: the worker dies before the claim");
    } else if (run.result === "running" && run.process === process) {
      ledger.reached("run: the worker dies in the handler");
    } else if (run.grant?.ended === "completed") {
      ledger.reached("run: the worker dies between the end and the acknowledgement");
    } else if (run.grant?.ended === "retrying" && !isReplaced) {
      ledger.reached("retry: the worker dies between the end and the copy");
    } else if (run.grant?.ended === "retrying") {
      ledger.reached("retry: the copy is stored, and the original is not acknowledged");
    } else if (run.grant?.ended === "failed") {
      ledger.reached(
        isReplaced
          ? "dead letter: the worker dies between the letter and the acknowledgement"
          : "dead letter: the worker dies between the end and the letter",
      );
    }
  }
}
