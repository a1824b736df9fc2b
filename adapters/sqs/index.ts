/**
 * The adapter for Amazon SQS: standard and FIFO queues.
 * @module
 */
export { sqs, type SqsOptions } from "./driver.ts";
