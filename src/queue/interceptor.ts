import type { RequestEvent } from "../diagnostics.ts";
import type { Message, NewMessage } from "../message/message.ts";
import type { SendOptions, SendReceipt } from "./queue.ts";
import type { ReceiveContext } from "./receive.ts";

/** One message that is given to `send`, `sendDelayed` or `sendBatch`. */
export interface SendCall {
  /** The logical queue name. */
  readonly queue: string;
  /** The message as the sender gave it, or as the interceptor before has changed it. Nothing of it has been checked. */
  readonly message: NewMessage;
  /** Must not be modified. */
  readonly options: SendOptions;
}

/** One run of a handler. */
export interface RunCall {
  readonly message: Message;
  readonly context: ReceiveContext;
}

/** One request to the provider. */
export interface RequestCall {
  /** The logical queue name. */
  readonly queue: string;
  readonly operation: RequestEvent["operation"];
}

/**
 * Code around the sends, the runs and the requests of a queue: for telemetry, tenants, messages that wait in a
 * database first. Each method is
 * optional, and costs nothing where it is missing. The first interceptor of the list is the outermost. `next` must be
 * called once at most, and what it returns must be awaited or returned.
 *
 * @example
 * const tracing: Interceptor = {
 *   send: ({ queue, message }, next) =>
 *     tracer.startActiveSpan(`send ${queue}`, async (span) => {
 *       try {
 *         return await next({ ...message, trace: traceOf(span) });
 *       } finally {
 *         span.end();
 *       }
 *     }),
 *   run: ({ message, context }, next) =>
 *     tracer.startActiveSpan(`process ${context.queue}`, linkTo(message.trace), async (span) => {
 *       try {
 *         await next();
 *       } finally {
 *         span.end();
 *       }
 *     }),
 * };
 */
export interface Interceptor {
  /**
   * Called for each message, before it is checked and encoded. `next` sends the message, or the changed one that it is
   * given, and settles with the outcome. An interceptor that does not call `next` has taken the message over: it returns
   * a receipt. Within `sendBatch`, messages leave in the order of the list, whatever their interceptors wait for; so an
   * interceptor must not wait for a later message before it calls `next`.
   */
  readonly send?:
    | ((call: SendCall, next: (message?: NewMessage) => Promise<SendReceipt>) => Promise<SendReceipt>)
    | undefined;
  /**
   * Called for each run, outside of the middleware of a `Worker`, with the decoded message. `next` runs the handler. It
   * rejects if the handler fails, and resolves with what the handler returned otherwise. The result of the handler counts,
   * whatever the interceptor does after it: a failure cannot be hidden, and an error of the interceptor after the end of a
   * handler is a `warning` event. An interceptor that fails before it calls `next`, or never calls it, fails the run.
   */
  readonly run?: ((call: RunCall, next: () => Promise<unknown>) => Promise<unknown>) | undefined;
  /**
   * Called for each request to the provider: sends of a batch, polls, settlements, counts. Its result is that of `next`,
   * whatever the interceptor returns or throws after it; it must not delay it. Called in the context of whoever caused the request first.
   */
  readonly request?: (<T>(call: RequestCall, next: () => Promise<T>) => Promise<T>) | undefined;
}
