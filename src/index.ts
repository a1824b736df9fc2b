/**
 * Background jobs that run unchanged on several clouds.
 *
 * A service sends jobs with {@link Queue.send}; a {@link Worker} runs their handlers. {@link openQueue} opens a queue
 * connection from a configuration, and {@link createQueue} creates one on an adapter.
 *
 * @module
 */
export type { Backoff, BackoffOptions } from "./backoff.ts";
export {
  type ConfigFile,
  type DriverConfig,
  type MemoryConfig,
  openQueue,
  type PubsubConfig,
  type QueueConfig,
  type ServiceBusConfig,
  type SqsConfig,
} from "./client/open-queue.ts";
export type { Clock, Timer } from "./lib/clock.ts";
export { createQueue, type QueueOptions } from "./client/create-queue.ts";
export type {
  DeadLetter,
  DeadLetterFilter,
  DeadLetterGroup,
  DeadLetters,
  DiscardOptions,
  GroupsOptions,
  ListOptions,
  RedriveOptions,
  RedriveResult,
  RedriveStep,
} from "./queue/dead-letters.ts";
export { defaults, type Defaults } from "./defaults.ts";
export type { ClaimOptions, DelayStore, StoredMessage } from "./delay/store.ts";
export type { Delay } from "./message/delay.ts";
export type { Duration, DurationParts } from "./lib/duration.ts";
export {
  channels,
  type JobEvent,
  type JobInfo,
  type NotRunReason,
  type Origin,
  type ReceiveEvent,
  type ReleaseReason,
  type RequestEvent,
  type SendEvent,
} from "./diagnostics.ts";
export type { DeadLetterInfo, DeadLetterReason } from "./message/dead-letter-info.ts";
export type { Disposition } from "./queue/disposition.ts";
export type { Driver, QueueChange } from "./driver/contract.ts";
export type { ErrorKind } from "./driver/error.ts";
export type { Limits, QueueTraits } from "./driver/limits.ts";
export {
  type ErrorCode,
  isQueueError,
  type PayloadIssue,
  PermanentError,
  QueueError,
  RetryAfterError,
} from "./errors.ts";
export type { AnyLogger, Logger } from "./lib/logger.ts";
export type { EncodedPayload, PayloadCodec, PayloadJob } from "./message/codec.ts";
export type { DecodedMessage, Decoder, RawMessage, UnwrappedMessage } from "./message/decoder.ts";
export type { EncodedMessage, Encoder } from "./message/encoder.ts";
export type { Decoders } from "./message/format.ts";
export type { Priority } from "./message/job-labels.ts";
export type { Headers, Message, NewMessage, TraceContext } from "./message/message.ts";
export type { Interceptor, RequestCall, RunCall, SendCall } from "./queue/interceptor.ts";
export type {
  DelayedMessage,
  EnsureOptions,
  PumpOptions,
  Queue,
  QueueDescription,
  QueueStats,
  SendOptions,
  SendOutcome,
  SendReceipt,
} from "./queue/queue.ts";
export type { Handler, ReceiveContext, ReceiveOptions } from "./queue/receive.ts";
export {
  defineJob,
  type JobDefinition,
  type JobOptions,
  type JobRecordOptions,
  type MessageOptions,
  type RegisterOptions,
  type Returning,
} from "./worker/job.ts";
export type { Registration } from "./worker/registry.ts";
export type {
  JobContext,
  JobHandler,
  Middleware,
  QueueHealth,
  WorkerEvents,
  WorkerHealth,
  WorkerOptions,
} from "./worker/types.ts";
export { Worker } from "./worker/worker.ts";
