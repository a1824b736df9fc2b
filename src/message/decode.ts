import { type BackoffOptions, checkBackoff } from "../backoff.ts";
import type { Attributes, Body, Delivery } from "../driver/contract.ts";
import { describeError } from "../errors.ts";
import { isCloudEvent, readCloudEvent } from "./cloud-event.ts";
import { handled } from "../lib/rejection.ts";
import type { DecodedMessage, Decoder, RawMessage, UnwrappedMessage } from "./decoder.ts";
import { readEnvelope, readHeaders, readId, readMaxAttempts, readTrace } from "./envelope.ts";
import type { Reading } from "./format.ts";
import { CompleteMessage } from "./complete-message.ts";
import type { Message } from "./message.ts";
import { readPriority, readTenant } from "./job-labels.ts";
import { givenKey } from "./own-key.ts";
import { isEnvelope, isFields } from "./ownership.ts";
import { parseEnvelope } from "./parse-envelope.ts";
import {
  DEAD_LETTER,
  DECIDED,
  Malformed,
  readSystemAttributes,
  type SystemAttributes,
} from "./system-attributes.ts";
import { decodeInfo } from "./dead-letter-info.ts";

/** The result of decoding a delivery. */
export type Decoded =
  | { readonly ok: true; readonly message: Message; readonly system: SystemAttributes }
  | {
      readonly ok: false;
      /** Set if a decoder says that the message is to be acknowledged without a run. */
      readonly ignored?: true;
      /** The reason why the message cannot be handled. */
      readonly problem: string;
      /** Set if the message can be read, except for its encoded payload. */
      readonly message?: Message | undefined;
      /** Set if `message` is. */
      readonly system?: SystemAttributes | undefined;
    };

/** Envelopes inside each other, at most. Each is parsed anew, so a hostile message must not nest without end. */
const MAX_WRAPPED = 8;

/**
 * Decodes a delivery: by the decoders of its queue in their order, else as an envelope of queueport, else as a CloudEvent,
 * else as data with its type in an attribute. Never throws: any bytes result in a message or in a problem.
 *
 * @param reading undefined if the queue has no settings of its own, as most have none
 */
export function decode(delivery: Delivery, now: number, reading?: Reading): Decoded {
  try {
    const system = readSystem(delivery.attributes, now);
    const message =
      reading === undefined
        ? readBody(parsed(delivery, parseEnvelope), delivery, now)
        : readBy(reading, delivery, now);
    if (message === "ignore") return { ok: false, ignored: true, problem: "a decoder ignores it" };
    if (message.encoding === undefined || reading?.hasCodec === true) return { ok: true, message, system };
    const problem =
      "its payload is encoded, as payload_encoding says, and this queue has no codec. Give createQueue the codec of the sender, and redrive it";
    return { ok: false, problem, message, system };
  } catch (error) {
    // Another error means that the body breaks the decoder. Such a message is malformed too.
    return { ok: false, problem: problemOf(error) };
  }
}

/** Reads the system attributes. A time that cannot have been yet, by a clock that is ahead of this one, is taken for now. */
function readSystem(attributes: Attributes, now: number): SystemAttributes {
  const system = readSystemAttributes(attributes);
  const { unknownSince, decided } = system;
  if (decided !== undefined && decodeInfo({ [DEAD_LETTER]: decided }, new Date(now)).info === undefined)
    throw new Malformed(`the attribute ${DECIDED} must have the format of ${DEAD_LETTER}`);
  return unknownSince !== undefined && unknownSince > now ? { ...system, unknownSince: now } : system;
}

function problemOf(error: unknown): string {
  if (error instanceof Malformed) return error.message;
  return error instanceof SyntaxError
    ? `a decoder could not parse a text${whereOf(error)}`
    : describeError(error);
}

/** Asks the decoders, for each envelope that they unwrap again; then reads the body. */
function readBy(reading: Reading, delivery: Delivery, now: number): CompleteMessage | "ignore" {
  let inner: Delivery | undefined = delivery;
  let isDated = false;
  for (let wrapped = 0; inner !== undefined; wrapped += 1) {
    if (wrapped > MAX_WRAPPED) throw new Malformed(`it is wrapped more than ${MAX_WRAPPED} times`);
    const current: Delivery = inner;
    const raw = new Raw(current, reading);
    inner = undefined;
    const answer = reading.decoders.length === 0 ? undefined : ask(reading.decoders, raw);
    if (answer === "ignore") return answer;
    if (answer === undefined) return readBody(raw.parsed(), current, now, isDated);
    if (!("unwrap" in answer)) return messageOf(answer, current, now, isDated);
    isDated ||= answer.unwrap?.createdAt !== undefined;
    inner = innerOf(answer, current);
  }
  throw new Malformed("a decoder unwrapped nothing");
}

/** The first answer of a decoder that knows the message. */
function ask(
  decoders: readonly Decoder[],
  raw: Raw,
): DecodedMessage | UnwrappedMessage | "ignore" | undefined {
  for (const decoder of decoders) {
    const answer: unknown = decoder(raw);
    if (answer === undefined) continue;
    if (answer === "ignore") return answer;
    if (!isFields(answer) || !("unwrap" in answer || "type" in answer)) {
      // An async function as a decoder is refused here; its own failure must not end the process.
      if (answer instanceof Promise) void handled(answer);
      throw new Malformed(
        'a decoder returned neither a message, nor { unwrap }, nor "ignore", nor undefined; a decoder is synchronous',
      );
    }
    return answer as unknown as DecodedMessage | UnwrappedMessage;
  }
  return undefined;
}

/** The delivery as if its body and attributes were those of the unwrapped message. */
function innerOf({ unwrap }: UnwrappedMessage, delivery: Delivery): Delivery {
  if (!isFields(unwrap) || !(typeof unwrap.body === "string" || unwrap.body instanceof Uint8Array))
    throw new Malformed("a decoder returned { unwrap } without a body of text or bytes");
  const { body, attributes = {}, id, createdAt } = unwrap;
  return {
    ...delivery,
    body,
    attributes,
    brokerId: readId(id, delivery),
    enqueuedAt: createdAt === undefined ? delivery.enqueuedAt : timeOf(createdAt, "createdAt"),
  };
}

/** @param isDated whether an envelope around the message says when it was created */
function messageOf(
  decoded: DecodedMessage,
  delivery: Delivery,
  now: number,
  isDated: boolean,
): CompleteMessage {
  const { type, payload, id, headers, maxAttempts, createdAt, scheduledAt, backoff, trace } = decoded;
  const priority = readPriority(decoded.priority);
  const tenant = readTenant(decoded.tenant);
  if (typeof type !== "string" || type === "") throw new Malformed("a decoder returned no type");
  if (payload === undefined)
    throw new Malformed("a decoder returned no payload; a decoder returns null for a message without data");
  if (backoff !== undefined && !isBackoff(backoff))
    throw new Malformed(
      "its backoff is invalid: baseMs and capMs are durations of 0 or more, factor is 1 or more, and there is jitter besides",
    );
  return new CompleteMessage(
    readId(id, delivery),
    type,
    payload,
    readHeaders(headers),
    readMaxAttempts(maxAttempts),
    new Date(createdAt === undefined ? (delivery.enqueuedAt ?? now) : timeOf(createdAt, "createdAt")),
    scheduledAt === undefined ? undefined : new Date(timeOf(scheduledAt, "scheduledAt")),
    backoff,
    trace ?? readTrace(delivery.attributes),
    givenKey(delivery.orderingKey),
    delivery.attributes,
    { priority, tenant, isUndated: !isDated && createdAt === undefined },
  );
}

/** Whether a backoff has parts that can be used. The error of the check is left out, since it quotes what was received. */
function isBackoff(backoff: BackoffOptions): boolean {
  try {
    checkBackoff(backoff, "backoff");
    return true;
  } catch {
    return false;
  }
}

function timeOf(date: unknown, field: string): number {
  const time = date instanceof Date ? date.getTime() : Number.NaN;
  if (Number.isNaN(time)) throw new Malformed(`a decoder returned a ${field} that is no valid Date`);
  return time;
}

/** No data at all, which is null for a message that has its type in an attribute. */
const NO_DATA = Symbol("no data");

/** @param isDated whether an envelope around the message says when it was created */
function readBody(json: unknown, delivery: Delivery, now: number, isDated: boolean = false): CompleteMessage {
  const { attributes } = delivery;
  const attributeType = attributes["type"] || attributes["Type"];
  if (isFields(json)) {
    if (isEnvelope(json, attributeType)) return readEnvelope(json, attributeType, delivery, now, isDated);
    if (isCloudEvent(json)) return messageOf(readCloudEvent(json), delivery, now, isDated);
  }
  if (attributeType === undefined) throw unknownBody(json);
  // Another system wrote the body, and the whole body is the payload.
  const whole = { payload: json === NO_DATA ? null : json };
  return readEnvelope(whole, attributeType, delivery, now, isDated);
}

/** The problem of a body that is no envelope, of a message without a type attribute. */
function unknownBody(json: unknown): Malformed {
  if (json === NO_DATA) return new Malformed("the body is not JSON: it is empty");
  const hasType = isFields(json) && typeof json["type"] === "string" && json["type"] !== "";
  return new Malformed(
    hasType
      ? "it has a type, but no payload, and fields that no envelope has: another system wrote it. Name its job in a type attribute, or configure a decoder"
      : "it has no type: neither in the body nor in a type attribute",
  );
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** The text of a body, without the byte order mark with which some producers begin it. */
function textOf(body: Body): string {
  if (typeof body === "string") return body.startsWith("\ufeff") ? body.slice(1) : body;
  try {
    return utf8.decode(body);
  } catch {
    throw new Malformed("the body is not JSON: its bytes are not UTF-8");
  }
}

function parsed({ body }: Delivery, parseJson: (text: string) => unknown): unknown {
  const text = textOf(body);
  if (text === "") return NO_DATA;
  let json: unknown;
  try {
    json = parseJson(text);
  } catch (error) {
    throw new Malformed(`the body is not JSON${whereOf(error)}`);
  }
  if (json === undefined) throw new Malformed("parseJson returned undefined, which is no JSON value");
  return json;
}

/** The place of a mistake, out of the engine's message. The message itself quotes the body, which may be secret. */
function whereOf(error: unknown): string {
  // A parser of the user's has its own errors.
  if (!(error instanceof SyntaxError)) return `: ${describeError(error)}`;
  const [, position] = / in JSON at position (\d+)(?: \(line \d+ column \d+\))?$/.exec(error.message) ?? [];
  return position === undefined ? "" : `: the mistake is at character ${position}`;
}

/** A delivery for decoders. Parses its body once, when it is first read. */
class Raw implements RawMessage {
  readonly body: Body;
  readonly attributes: Delivery["attributes"];
  readonly queue: string;
  readonly brokerId: string;
  readonly #delivery: Delivery;
  readonly #parseJson: Reading["parseJson"];
  #json: unknown;
  #problem: unknown;
  #isParsed = false;

  constructor(delivery: Delivery, { queue, parseJson }: Reading) {
    this.body = delivery.body;
    this.attributes = delivery.attributes;
    this.queue = queue;
    this.brokerId = delivery.brokerId;
    this.#delivery = delivery;
    this.#parseJson = parseJson;
  }

  get json(): unknown {
    this.#parse();
    return this.#json === NO_DATA ? undefined : this.#json;
  }

  /** @throws Malformed when the body is not JSON */
  parsed(): unknown {
    this.#parse();
    if (this.#problem !== undefined) throw this.#problem;
    return this.#json;
  }

  #parse(): void {
    if (this.#isParsed) return;
    this.#isParsed = true;
    try {
      this.#json = parsed(this.#delivery, this.#parseJson);
    } catch (error) {
      this.#problem = error;
    }
  }
}
