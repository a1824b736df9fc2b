import { type Channel, channel } from "node:diagnostics_channel";
import type { ErrorKind } from "./driver/error.ts";
import type { DeadLetterReason } from "./message/dead-letter-info.ts";
import type { Message } from "./message/message.ts";

/** The origin of an event. */
export interface Origin {
  /** The provider's name, such as `sqs`. */
  readonly provider: string;
  /** The logical queue name. */
  readonly queue: string;
  /** The `Queue` that published the event. Distinguishes several queues of one process. */
  readonly source: object;
}

/** The outcome of one message that was given to `send`, `sendDelayed` or `sendBatch`. */
export interface SendEvent extends Origin {
  readonly type: string;
  readonly id: string;
  /** `unknown` if the message may or may not have been sent. */
  readonly outcome: "sent" | "failed" | "unknown";
  readonly message: Message;
  /** The delay that was asked for, in milliseconds; 0 if there was none. */
  readonly delayMs: number;
}

/** One request to the provider. Providers bill by requests. */
export interface RequestEvent extends Origin {
  readonly operation: "send" | "receive" | "settle" | "stats" | "describe";
  /** `ok`, or the kind of the error. */
  readonly outcome: "ok" | ErrorKind;
  /** Messages that the request carried, or that it returned. */
  readonly messages: number;
}

/** The job of a {@link JobEvent}. */
export interface JobInfo {
  readonly id: string;
  readonly type: string;
  /** The logical queue name. */
  readonly queue: string;
  /** 1 on the first run. */
  readonly attempt: number;
  /** Failed runs after which the job is dead-lettered. */
  readonly maxAttempts: number;
}

/** How a job is over whose message is acknowledged without a completed run. */
export type NotRunReason = "completed" | "cancelled" | "dead_lettered";

/**
 * Why the message of a tracked job is released:
 *
 * - `busy`: Another run of the job goes on.
 * - `backoff`: The wait before the next attempt is not over.
 * - `scheduled`: The job is not due.
 * - `store`: The job waits for its store, which cannot be reached.
 */
export type ReleaseReason = "busy" | "backoff" | "scheduled" | "store";

/** A change in the life of a job. Durations are in milliseconds. */
export type JobEvent =
  /** A handler was called. `waitMs` is the time since the job was created, or since it was due. */
  | { readonly event: "started"; readonly job: JobInfo; readonly waitMs: number }
  /** A handler called `progress`. */
  | {
      readonly event: "progress";
      readonly job: JobInfo;
      /** From 0 to 100. */
      readonly percent: number;
      readonly note: string | undefined;
    }
  /** A run ended without an error. */
  | { readonly event: "completed"; readonly job: JobInfo; readonly durationMs: number }
  /** A run failed. `retrying` or `dead_lettered` follows. */
  | {
      readonly event: "failed";
      readonly job: JobInfo;
      readonly durationMs: number;
      readonly error: unknown;
      /**
       * Set if no handler ran: the type is unknown here, and the queue keeps order, so the message cannot be deferred.
       */
      readonly reason?: "unknown_type" | undefined;
    }
  /** The job runs again after `delayMs`. */
  | {
      readonly event: "retrying";
      readonly job: JobInfo;
      readonly delayMs: number;
      readonly error: unknown;
      /** The `reason` of the `failed` event before. */
      readonly reason?: "unknown_type" | undefined;
    }
  /** The message is in the dead-letter queue. */
  | {
      readonly event: "dead_lettered";
      readonly job: JobInfo;
      readonly reason: DeadLetterReason;
      readonly error: unknown;
    }
  /**
   * The message was acknowledged without a completed run: the job is over, as its record says. `started` came before only
   * if a run was cancelled.
   */
  | { readonly event: "not_run"; readonly job: JobInfo; readonly why: NotRunReason }
  /** The message was released without a failure: in a drain, because another worker may know its type, or as its record says. */
  | {
      readonly event: "released";
      readonly job: JobInfo;
      readonly why: "drain" | "unknown_type" | ReleaseReason;
      readonly delayMs: number;
    }
  /** A handler still runs after its time limit and the grace have passed. */
  | { readonly event: "stuck"; readonly job: JobInfo; readonly runningMs: number }
  /** A handler ended after its message was given up, released or lost. Its result was discarded. */
  | { readonly event: "late"; readonly job: JobInfo; readonly durationMs: number };

/** An event of a receiver that does not concern the life of a job. */
export type ReceiveEvent =
  /** A poll was answered, with or without messages. `at` is in epoch milliseconds. */
  | { readonly event: "polled"; readonly queue: string; readonly at: number; readonly messages: number }
  /** A poll failed. The next one follows after `retryInMs` milliseconds. */
  | {
      readonly event: "poll_failed";
      readonly queue: string;
      readonly error: unknown;
      readonly kind: ErrorKind;
      readonly retryInMs: number;
    }
  /**
   * A settlement failed and is not tried again, or a copy of a message could not be sent. The message is delivered
   * again.
   */
  | {
      readonly event: "settle_failed";
      readonly queue: string;
      readonly id: string;
      readonly operation: string;
      readonly error: unknown;
      readonly kind: ErrorKind;
    }
  /** The lease on a message ended before the message was settled. Another receiver may have it. */
  | { readonly event: "lease_lost"; readonly queue: string; readonly id: string }
  /**
   * A message was acknowledged without a run, since it is a copy for another receiver of the same topic: the one that
   * reports `target` as `QueueTraits.target`.
   */
  | { readonly event: "skipped"; readonly queue: string; readonly id: string; readonly target: string }
  /** A decoder ignored a message, such as a test event. It was acknowledged without a run. `id` is the provider's. */
  | { readonly event: "ignored"; readonly queue: string; readonly id: string }
  /** A condition that an operator has to know about. `code` is stable; `message` says what to do. */
  | { readonly event: "warning"; readonly queue: string; readonly code: string; readonly message: string };

/** One request of a job system to its store. A request carries the changes of many jobs. */
export interface StoreEvent extends Pick<Origin, "source"> {
  /** The name of the store, such as `sqlite`. */
  readonly store: string;
  /** The method of the store, such as `apply` or `list`. */
  readonly operation: string;
  /** `unavailable` if the store could not be reached, `failed` for any other error. */
  readonly outcome: "ok" | "unavailable" | "failed";
  /** Milliseconds of the request. */
  readonly ms: number;
  /** The answers to the claims that the request carried, by what became of the run, such as `run` or `done`. */
  readonly claims: readonly string[];
  /** The jobs that the request has cancelled: before a run, or when a run had ended. */
  readonly cancelled: { readonly waiting: number; readonly running: number };
}

type Sourced<E> = E & Origin;

/**
 * The diagnostics channels of `node:diagnostics_channel`: `queueport:send`, `queueport:request`, `queueport:job`,
 * `queueport:receive` and `queueport:store`. A channel without subscribers costs nothing.
 *
 * @example
 * channels.job.subscribe((event) => {
 *   const { event: name, job } = event as JobEvent;
 *   console.log(name, job.type, job.id);
 * });
 */
export const channels: {
  readonly send: Channel<SendEvent>;
  readonly request: Channel<RequestEvent>;
  readonly job: Channel<Sourced<JobEvent>>;
  readonly receive: Channel<Sourced<ReceiveEvent>>;
  readonly store: Channel<StoreEvent>;
} = {
  send: channel("queueport:send") as Channel<SendEvent>,
  request: channel("queueport:request") as Channel<RequestEvent>,
  job: channel("queueport:job") as Channel<Sourced<JobEvent>>,
  receive: channel("queueport:receive") as Channel<Sourced<ReceiveEvent>>,
  store: channel("queueport:store") as Channel<StoreEvent>,
};
