/**
 * All that takes messages out of queues. It is loaded with the first that is received, pumped, or searched for dead
 * letters: who only sends does without.
 */
export { DeadLetterQueue } from "../dead-letter/queue.ts";
export { pumpUntilStopped } from "../delay/pump-queue.ts";
export { receiveQueue } from "./receive-queue.ts";
