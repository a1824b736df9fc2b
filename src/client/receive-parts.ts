/**
 * The code that takes messages out of queues. It is loaded with the first call that receives, pumps, reads a dead-letter
 * queue or lists delayed messages, so that a process that only sends does not load it.
 */
export { DeadLetterQueue } from "../dead-letter/queue.ts";
export { pumpUntilStopped } from "../delay/pump-queue.ts";
export { decode } from "../message/decode.ts";
export { receiveQueue } from "./receive-queue.ts";
