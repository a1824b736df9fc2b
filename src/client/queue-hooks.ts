import { describeError, QueueError } from "../errors.ts";
import { handled } from "../lib/rejection.ts";
import { show } from "../lib/text.ts";
import type { PayloadCodec } from "../message/codec.ts";
import type { Encoder } from "../message/encoder.ts";
import { type Decoders, WireFormat } from "../message/format.ts";
import type { Interceptor, RequestCall } from "../queue/interceptor.ts";
import type { RequestHook } from "../transport/connection.ts";

/** The options of a queue that change what it sends, receives and requests. */
export interface QueueHooks {
  /**
   * Reads messages that other systems wrote: decoders for all queues, or by queue name, with `"*"` for the queues that are
   * not named. They are asked in order, before queueport's own envelope is looked for. `queueport/interop` has decoders.
   * @default none; CloudEvents in structured mode are always read
   */
  readonly decode?: Decoders | undefined;
  /** Writes messages in the format of another system, such as `cloudEvents` of `queueport/interop`. @default the wire format */
  readonly encode?: Encoder | undefined;
  /** Changes the form in which payloads travel: claim-check, compression, encryption. @default as JSON */
  readonly codec?: PayloadCodec | undefined;
  /** Code around the sends, the runs and the requests of this queue; the first one is the outermost. @default none */
  readonly interceptors?: readonly Interceptor[] | undefined;
  /**
   * Parses the bodies of received messages, for instance to keep integers beyond 2^53 − 1. It returns plain objects,
   * strings and safe integers as `JSON.parse` does, and what it throws makes the message malformed.
   * @default JSON.parse
   */
  readonly parseJson?: ((text: string) => unknown) | undefined;
}

/**
 * Returns undefined if nothing differs from the plain wire format, so that the way of a message has nothing to look at.
 * @throws QueueError `invalid_options`
 */
export function formatOf(options: QueueHooks): WireFormat | undefined {
  const { decode, encode, codec, parseJson } = options;
  if (decode === undefined && encode === undefined && codec === undefined && parseJson === undefined)
    return undefined;
  checkFunction("encode", encode);
  checkFunction("parseJson", parseJson);
  if (codec !== undefined) {
    checkMethod("codec", codec, "encode");
    checkMethod("codec", codec, "decode");
    if (encode !== undefined)
      throw new QueueError(
        "invalid_options",
        "createQueue takes encode or codec, not both: the codec writes into queueport's own envelope.",
      );
  }
  if (decode !== undefined) checkDecoders(decode);
  return new WireFormat({ decode, encode, codec, parseJson });
}

function checkDecoders(decode: unknown): void {
  const isNamed = typeof decode === "object" && decode !== null && !Array.isArray(decode);
  for (const [name, list] of isNamed ? Object.entries(decode) : [["", decode] as const]) {
    const where = name === "" ? "decode" : `decode of ${show(name)}`;
    for (const decoder of [list].flat() as unknown[]) {
      if (typeof decoder === "function") continue;
      throw new QueueError(
        "invalid_options",
        `createQueue: ${where} must be a decoder, such as sns() of queueport/interop, a list of them, or both by queue name; got ${show(decoder)}.`,
      );
    }
  }
}

/** @throws QueueError `invalid_options` when one is no interceptor */
export function interceptorsOf({ interceptors = [] }: QueueHooks): readonly Interceptor[] {
  if (!Array.isArray(interceptors))
    throw new QueueError(
      "invalid_options",
      `createQueue: interceptors must be a list; got ${show(interceptors)}.`,
    );
  for (const one of interceptors as readonly (Interceptor | null | undefined)[]) {
    if (typeof one !== "object" || one === null)
      throw new QueueError(
        "invalid_options",
        `createQueue: an interceptor is an object with send, run or request; got ${show(one)}.`,
      );
    for (const name of ["send", "run", "request"] as const)
      checkFunction(`${name} of an interceptor`, one[name]);
  }
  return interceptors;
}

function checkFunction(name: string, value: unknown): void {
  if (value === undefined || typeof value === "function") return;
  throw new QueueError("invalid_options", `createQueue: ${name} must be a function; got ${show(value)}.`);
}

function checkMethod(what: string, owner: unknown, name: string): void {
  const value: unknown = (owner as Record<string, unknown> | null)?.[name];
  if (typeof value !== "function")
    throw new QueueError(
      "invalid_options",
      `createQueue: ${name} of ${what} must be a function; got ${show(value)}.`,
    );
}

/**
 * Returns the interceptors of requests as one function, the first one outermost; undefined if there is none. Each request
 * is made once, and its own result counts: messages would be lost or doubled by another one.
 */
export function aroundRequests(interceptors: readonly Interceptor[]): RequestHook | undefined {
  let isWarned = false;
  const warn = (operation: string, error: unknown): void => {
    if (isWarned) return;
    isWarned = true;
    process.emitWarning(
      `The request of an interceptor failed after a ${operation} that was carried out: ${describeError(error)}. The result of the request counts. Further errors of this kind are not shown.`,
      { type: "QueueportWarning", code: "QUEUEPORT_INTERCEPTOR" },
    );
  };
  return interceptors.reduceRight<RequestHook | undefined>((inner, { request }) => {
    if (request === undefined) return inner;
    return async <T>(
      queue: string,
      operation: RequestCall["operation"],
      call: () => Promise<T>,
    ): Promise<T> => {
      let result: Promise<T> | undefined;
      const next = (): Promise<T> =>
        (result ??= handled(inner === undefined ? call() : inner(queue, operation, call)));
      try {
        await request({ queue, operation }, next);
      } catch (error) {
        if (result === undefined) throw error;
        // A request that failed fails with its own error.
        const made = await result;
        warn(operation, error);
        return made;
      }
      if (result === undefined)
        throw new QueueError(
          "invalid_options",
          `The request of an interceptor did not call next, so the request ${operation} was not made.`,
          { queue },
        );
      return result;
    };
  }, undefined);
}
