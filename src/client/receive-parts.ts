/**
 * The code that takes messages out of queues. It is loaded with the first call that receives, pumps or reads a
 * dead-letter queue, so that a process that only sends does not load it.
 */
export { DeadLetterQueue } from "../dead-letter/queue.ts";
export { pumpUntilStopped } from "../delay/pump-queue.ts";
export { receiveQueue } from "./receive-queue.ts";
