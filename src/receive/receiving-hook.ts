import { describeError, QueueError } from "../errors.ts";
import { decodePayload, type PayloadCodec } from "../message/codec.ts";
import { handled } from "../lib/rejection.ts";
import { defaults } from "../defaults.ts";
import type { Clock } from "../lib/clock.ts";
import { show } from "../lib/text.ts";
import { within } from "../lib/wait.ts";
import type { Message } from "../message/message.ts";
import type { Interceptor } from "../queue/interceptor.ts";
import type { ManagedHandler } from "../queue/managed-receive.ts";

const TWICE = "called next twice, which would run the job twice";

/** Time after which a payload that is not decoded fails its run: the default time limit of a job. */
const DECODE_MS = defaults.timeoutMs;

type RunHook = NonNullable<Interceptor["run"]>;

/**
 * Puts the codec and the interceptors around a handler: interceptors, the first one outermost; then the codec; then the
 * handler, with a worker's middleware. Returns the handler itself if there is neither.
 *
 * @param warn reports an error of an interceptor that came after the end of the handler
 */
export function aroundRuns(
  handler: ManagedHandler,
  interceptors: readonly Interceptor[],
  codec: PayloadCodec | undefined,
  clock: Clock,
  warn: (code: string, message: string) => void,
): ManagedHandler {
  const hooks = interceptors.flatMap(({ run }) => (run === undefined ? [] : [run]));
  const inner = codec === undefined ? handler : withPayloadDecoded(handler, codec, clock);
  return hooks.reduceRight<ManagedHandler>((rest, hook) => around(hook, rest, warn), inner);
}

function around(
  hook: RunHook,
  rest: ManagedHandler,
  warn: (code: string, message: string) => void,
): ManagedHandler {
  return async (message, run) => {
    let ending: Promise<unknown> | undefined;
    let hasEnded = false;
    let isCalledTwice = false;
    const next = (): Promise<unknown> => {
      // Nobody would wait for a run of a job that is settled.
      if (hasEnded) {
        const error = mistake("called next after it had ended; the handler was not called");
        warn("interceptor", error.message);
        return handled(Promise.reject(error));
      }
      if (ending !== undefined) {
        isCalledTwice = true;
        return handled(Promise.reject(mistake(TWICE)));
      }
      ending = handled((async () => rest(message, run))());
      return ending;
    };
    try {
      await hook({ message, context: run }, next);
      if (isCalledTwice) warn("interceptor", mistake(TWICE).message);
    } catch (error) {
      if (ending === undefined) throw error;
      if (!(await isErrorOf(ending, error)))
        warn(
          "interceptor",
          `The run of an interceptor failed after the handler was called: ${describeError(error)}`,
        );
    } finally {
      hasEnded = true;
    }
    if (ending === undefined) throw mistake("did not call next, so the job did not run");
    return ending;
  };
}

/** Whether the run itself failed with this error, and the interceptor has only passed it on. */
async function isErrorOf(ending: Promise<unknown>, error: unknown): Promise<boolean> {
  try {
    await ending;
    return false;
  } catch (own) {
    return own === error;
  }
}

function mistake(what: string): QueueError {
  return new QueueError("invalid_options", `The run of an interceptor ${what}.`);
}

/** Bounds the decoding: it comes before the handler, so no time limit of the job covers it. */
function withPayloadDecoded(handler: ManagedHandler, codec: PayloadCodec, clock: Clock): ManagedHandler {
  return (message, run) => {
    const decoding = decodePayload(codec, message, run);
    if (decoding === undefined) return handler(message, run);
    const late = (): never => {
      throw decodedLate(message, run.queue);
    };
    return within(clock, DECODE_MS, decoding, late).then(() => handler(message, run));
  };
}

function decodedLate({ type, id }: Message, queue: string): QueueError {
  return new QueueError(
    "timeout",
    `The codec had not decoded the payload of the job ${show(type)} ${id} after ${DECODE_MS} ms; the handler was not called. Look at what the codec waits for.`,
    { queue, retryable: true },
  );
}
