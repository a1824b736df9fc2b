const RECOUNTS =
  "local-aws-sqs counts every change of a message's visibility as a receive: attempts run ahead";
const WAITS = "local-aws-sqs lets a poll for ten wait to its end, whatever there is";
const NO_GROUP_LOCK = "local-aws-sqs gives messages of a group to others while some of it are in flight";
const FORGETS = "local-aws-sqs forgets a deduplication id when the message is deleted";
const COUNTS_TWICE = "local-aws-sqs counts messages in flight among the ready ones, too";

/** What local-aws-sqs does otherwise than SQS, and the cases that it cannot pass for that: cases by name. */
export const secondDeviates: Readonly<Record<string, string>> = {
  "a nack without delay redelivers at once": WAITS,
  // What is taken at the start of such a poll has little of its lease left at its end.
  "a handler longer than its lease is kept alive by extension and runs once": WAITS,
  "at the drain deadline signals abort, and another worker gets the jobs at once, at no cost to them": WAITS,
  "a drain starts nothing new, and is over when what runs has finished and is acknowledged": WAITS,
  "a handler that ignores its signal is named; its job is given back, and its late result counts for nothing":
    WAITS,
  "a message that ten drains hand back unstarted is still run, with maxAttempts 1": WAITS,
  "a nack with a delay redelivers neither early nor much too late": RECOUNTS,
  "a nack with a delay longer than the lease is not cut to it": RECOUNTS,
  "a nack whose clone the provider refuses leaves the message where it is": RECOUNTS,
  "attempts are 1, 2, 3 … across nacks": RECOUNTS,
  "attempts are 1, 2, 3 … across nacks with a delay": RECOUNTS,
  "attempts are 1, 2, 3 … across nacks, clones, deaths and restarts together": RECOUNTS,
  "a retry-after error sets its own delay, and counts as an attempt": RECOUNTS,
  "what the provider has dead-lettered by itself says so, and is redriven": RECOUNTS,
  "when its attempts are used up, a job is dead-lettered with reason, error, attempts, queue and time":
    RECOUNTS,
  "failed runs are retried after a backoff that grows and is capped": RECOUNTS,
  "a failed run frees its slot: two slots are enough for twenty jobs that fail twice": RECOUNTS,
  "the backoff is jittered: it is drawn from nothing up to its ceiling": RECOUNTS,
  "a head that fails blocks its key, through its backoff, and no other": RECOUNTS,
  "1,000 messages of 16 keys reach 10 receivers in the order of each key": NO_GROUP_LOCK,
  "a repeated dedup id is sent once inside its window, also from another process": FORGETS,
  "counts of ready, leased, delayed and dead-lettered messages move as they should": COUNTS_TWICE,
  "a parked message counts as delayed, until it is moved": COUNTS_TWICE,
};
