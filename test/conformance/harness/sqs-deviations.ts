const RECOUNTS =
  "local-aws-sqs counts every change of a message's visibility as a receive, so that attempts rise too fast";
const WAITS =
  "local-aws-sqs ends a poll for ten messages only after its whole wait, also when messages are ready";
const NO_GROUP_LOCK = "local-aws-sqs delivers messages of a group while others of the group are in flight";
const FORGETS = "local-aws-sqs forgets a deduplication id when the message is deleted";
const COUNTS_TWICE = "local-aws-sqs counts messages in flight as ready messages too";

const COUNTS_LATE = "fauxqs counts the end of a lease or of a delay only at the next receive";

/** The cases that fauxqs cannot pass, each with the difference from SQS that is the reason. */
export const firstDeviates: Readonly<Record<string, string>> = {
  "a message whose lease has ended counts as ready, before it is delivered again": COUNTS_LATE,
  "a delayed message that is due counts as ready, before it is delivered": COUNTS_LATE,
};

/** The cases that local-aws-sqs cannot pass, each with the difference from SQS that is the reason. */
export const secondDeviates: Readonly<Record<string, string>> = {
  "a message that is retried without a delay is redelivered at once": WAITS,
  // A message that is received at the start of such a poll has little of its lease left at the end.
  "a handler that runs longer than its lease keeps the message by extensions and runs once": WAITS,
  "a job that still runs at the drain deadline is aborted and runs on another worker at once, without using up an attempt":
    WAITS,
  "a drain starts no handler, and ends when the running handlers have finished and are acknowledged": WAITS,
  "a handler that ignores its signal is named in drain_incomplete, its job is released, and its late result is ignored":
    WAITS,
  "a message with maxAttempts 1 that ten drains release unstarted is still run": WAITS,
  "a message that is retried with a delay is redelivered on time": RECOUNTS,
  "a message that is retried with a delay longer than its lease is redelivered on time": RECOUNTS,
  "a message whose retry copy is refused by the provider stays in the queue": RECOUNTS,
  "each delivery of a message has the same broker's id and time, and counts up from 1": RECOUNTS,
  "an operation on a message that was delivered again fails as lease_lost and does not change the message":
    "local-aws-sqs accepts an outdated receipt handle",
  "the attempt number rises by one with each retry": RECOUNTS,
  "the attempt number rises by one with each delayed retry": RECOUNTS,
  "the attempt number rises by one through retries, copies, killed processes and restarts in turn": RECOUNTS,
  "a job that throws a retry-after error is retried after that delay, and uses up an attempt": RECOUNTS,
  "a message that the provider dead-lettered itself is listed as such and can be redriven": RECOUNTS,
  "a job whose attempts are used up is dead-lettered with reason, error, attempts, queue and time": RECOUNTS,
  "a job that fails is retried after a backoff that grows up to its cap": RECOUNTS,
  "a run that fails frees its slot, so that two slots complete twenty jobs that fail twice each": RECOUNTS,
  "a backoff with jitter is drawn between zero and its ceiling": RECOUNTS,
  "a message that fails blocks its ordering key during its backoff, and no other key": RECOUNTS,
  "a message whose id is its ordering key blocks the key during its backoff": RECOUNTS,
  "a message without a due time in a delay queue is reported and stays, although the queue has a receiver":
    RECOUNTS,
  "1,000 messages of 16 ordering keys reach 10 receivers in the order of each key": NO_GROUP_LOCK,
  "a message with a repeated dedup id is delivered once inside the window, also when another process sends it":
    FORGETS,
  "a message whose lease has ended counts as ready, before it is delivered again": COUNTS_TWICE,
  "the counts of ready, leased, delayed and dead-lettered messages follow each message": COUNTS_TWICE,
  "a delayed message beyond the limits counts as delayed until it is moved to its queue": COUNTS_TWICE,
};
