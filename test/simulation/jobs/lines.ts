/**
 * The situations that the simulation is for: each crash between two steps of a job, and each sequence that a review of the
 * design has found to be dangerous. Every one of them has to be reached by some run.
 */
export const LINES = [
  // A plain send.
  "plain: the sender dies before the broker has the message",
  "plain: the sender dies before the record",
  "plain: the answer of the record is lost, and it is repeated",
  "plain: the claim comes before the record",
  "plain: the claim comes while the job is over before its record",
  // A job that is recorded first.
  "recorded: the answer of the birth is lost, and it is repeated",
  "recorded: the sender asks again, and gets the same job",
  "recorded: another message with the id is refused",
  "recorded: the dispatcher dies before it has sent",
  "recorded: the dispatcher dies before it has confirmed",
  "recorded: the message is sent a second time",
  "recorded: the claim comes before the confirmation",
  "recorded: it is cancelled between its dispatch and the confirmation",
  "recorded: the dispatcher stands still before it sends",
  // A run.
  "run: the worker dies before the claim",
  "run: the worker dies in the handler",
  "run: the answer of the claim is lost, and it is repeated",
  "run: the answer of the claim is lost more than once",
  "run: the end is written twice",
  "run: the worker dies between the end and the acknowledgement",
  "run: a second delivery finds the job completed",
  "run: a second delivery finds the job held",
  "run: a lapsed claim is taken over",
  "run: the end of a run that was taken over is refused",
  "run: a process stood still past its claim",
  "run: the lease is lost, and the handler returns",
  "run: a drain gives up a handler that does not end",
  // A retry.
  "retry: the worker dies between the end and the copy",
  "retry: the copy is stored, and the original is not acknowledged",
  "retry: a copy comes before its backoff is over",
  // A dead letter.
  "dead letter: the worker dies between the end and the letter",
  "dead letter: the worker dies between the letter and the acknowledgement",
  "dead letter: the job is found failed, and its letter is known",
  "dead letter: the broker dead-letters by itself, and the record follows",
  // Operators.
  "redrive: the next generation is claimed",
  "redrive: the operator dies between the copy and the letter",
  "redrive: a letter is moved back as it was",
  "reopen: the job is sent again from its record",
  "reopen: an old letter is redriven after it",
  "reopen: within the window of a broker that deduplicates",
  "cancel: before the start, and the message is acknowledged unseen",
  "cancel: the handler is asked to end, and throws",
  "cancel: the handler is asked to end, and returns",
  "cancel: of a job that is not known yet",
  "promote: a job is due earlier",
  // The store.
  "store: a job runs without a claim",
  "store: a job waits for the store",
  "store: an end is recorded after the outage",
  "store: an end of the journal finds a newer generation",
  "store: an ordered queue waits out an hour",
  "store: two calls arrive in the reverse order",
  "store: a call is applied after its repetition",
  "store: a claim is applied after the end of its run",
  "store: rows are locked",
  // Identity.
  "id: two queues use the same",
  "id: two messages of a queue use the same",
  "id: two deployments use the same",
  // Retention.
  "retention: jobs are archived and deleted",
  "retention: jobs are archived twice",
  "retention: a late record of a deleted job is refused",
] as const;

/** One of the situations that the simulation is for. */
export type Line = (typeof LINES)[number];
