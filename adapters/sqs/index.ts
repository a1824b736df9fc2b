/**
 * Amazon SQS, standard and FIFO.
 * @module
 */
export { sqs, type SqsOptions } from "./driver.ts";
