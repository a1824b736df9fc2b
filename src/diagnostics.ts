import { type Channel, channel } from "node:diagnostics_channel";
import type { ErrorKind } from "./driver/error.ts";
import type { DeadLetterReason } from "./message/dead-letter-info.ts";
import type { Message } from "./message/message.ts";

/** Where an event comes from. */
export interface Origin {
  readonly provider: string;
  /** The logical queue name. */
  readonly queue: string;
  /** The `Queue` that it concerns, to tell several in one process apart. */
  readonly source: object;
}

/** Messages that a `send` was asked for, and how that ended. */
export interface SendEvent extends Origin {
  readonly type: string;
  readonly id: string;
  readonly outcome: "sent" | "failed" | "unknown";
  readonly message: Message;
  /** How long its delivery was to be delayed, in milliseconds. */
  readonly delayMs: number;
}

/** One request to the provider: what users pay for. */
export interface RequestEvent extends Origin {
  readonly operation: "send" | "receive" | "settle" | "stats" | "describe";
  /** `ok`, or the kind of the error. */
  readonly outcome: "ok" | ErrorKind;
  /** Messages in the request, or received by it. */
  readonly messages: number;
}

/** What a job event says about its job. */
export interface JobInfo {
  readonly id: string;
  readonly type: string;
  readonly queue: string;
  /** 1 on the first run. */
  readonly attempt: number;
  readonly maxAttempts: number;
}

/** The life of a job, as worker and metrics see it. Durations in milliseconds. */
export type JobEvent =
  | { readonly event: "started"; readonly job: JobInfo; readonly waitMs: number }
  | {
      readonly event: "progress";
      readonly job: JobInfo;
      readonly percent: number;
      readonly note: string | undefined;
    }
  | { readonly event: "completed"; readonly job: JobInfo; readonly durationMs: number }
  /** A run failed; `retrying` or `dead_lettered` follows. */
  | {
      readonly event: "failed";
      readonly job: JobInfo;
      readonly durationMs: number;
      readonly error: unknown;
      /** Where no handler ran: nobody here knows its type, and a queue that keeps order cannot put it aside. */
      readonly reason?: "unknown_type" | undefined;
    }
  | {
      readonly event: "retrying";
      readonly job: JobInfo;
      readonly delayMs: number;
      readonly error: unknown;
      /** As that of the failure before it. */
      readonly reason?: "unknown_type" | undefined;
    }
  | {
      readonly event: "dead_lettered";
      readonly job: JobInfo;
      readonly reason: DeadLetterReason;
      readonly error: unknown;
    }
  /** Given back without a verdict: a drain, or an unknown type that another worker may know. */
  | {
      readonly event: "released";
      readonly job: JobInfo;
      readonly why: "drain" | "unknown_type";
      readonly delayMs: number;
    }
  /** The handler goes on after its signal was aborted and the grace has passed. */
  | { readonly event: "stuck"; readonly job: JobInfo; readonly runningMs: number }
  /** The handler returned after its lease had been given up; its result was discarded. */
  | { readonly event: "late"; readonly job: JobInfo; readonly durationMs: number };

/** What a receiver reports beside its jobs. */
export type ReceiveEvent =
  | { readonly event: "polled"; readonly queue: string; readonly at: number; readonly messages: number }
  | {
      readonly event: "poll_failed";
      readonly queue: string;
      readonly error: unknown;
      readonly kind: ErrorKind;
      readonly retryInMs: number;
    }
  | {
      readonly event: "settle_failed";
      readonly queue: string;
      readonly id: string;
      readonly operation: string;
      readonly error: unknown;
      readonly kind: ErrorKind;
    }
  | { readonly event: "lease_lost"; readonly queue: string; readonly id: string }
  | { readonly event: "warning"; readonly queue: string; readonly code: string; readonly message: string };

type Sourced<E> = E & Origin;

/**
 * The diagnostics channels (`node:diagnostics_channel`). Publishing costs nothing while nobody subscribes.
 * `queueport:send`, `queueport:request`, `queueport:job`, `queueport:receive`.
 */
export const channels: {
  readonly send: Channel<SendEvent>;
  readonly request: Channel<RequestEvent>;
  readonly job: Channel<Sourced<JobEvent>>;
  readonly receive: Channel<Sourced<ReceiveEvent>>;
} = {
  send: channel("queueport:send") as Channel<SendEvent>,
  request: channel("queueport:request") as Channel<RequestEvent>,
  job: channel("queueport:job") as Channel<Sourced<JobEvent>>,
  receive: channel("queueport:receive") as Channel<Sourced<ReceiveEvent>>,
};
