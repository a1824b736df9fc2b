import { isKey, type Keys } from "../tokens.ts";
import { encodeSection, type Typed, types } from "./rhea.ts";

/**
 * The mechanisms that Service Bus offers, in its order:
 * https://github.com/smallrye/smallrye-reactive-messaging/issues/987 (2021-02). Microsoft's .NET client accepts `MSSBCBS`
 * alone, and Microsoft's client for JavaScript `ANONYMOUS`. With these and with `EXTERNAL`, a client puts tokens to `$cbs`.
 * With `PLAIN`, it signs in by the name of a key and the key:
 * https://learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-protocol-guide (2026-11).
 */
const MECHANISMS = ["MSSBCBS", "PLAIN", "ANONYMOUS", "EXTERNAL"] as const;
const MECHANISMS_CODE = 0x40;
const OUTCOME_CODE = 0x44;
const SYMBOL = 0xa3;
const SASL_FRAME = 1;
const SASL_HEADER: Buffer = Buffer.from([...Buffer.from("AMQP"), 3, 1, 0, 0]);

/** The SASL init frame of a client. */
export interface SaslInit {
  readonly mechanism: string;
  readonly response: Buffer;
}

/** The server's side of a SASL header: its own header, and the mechanisms that it offers. */
export function saslGreeting(): Buffer {
  return Buffer.concat([
    SASL_HEADER,
    saslFrame(MECHANISMS_CODE, types.wrap_list([types.wrap_array(MECHANISMS, SYMBOL)])),
  ]);
}

/** The SASL frame that tells a client whether it has signed in. */
export function saslOutcome(isSignedIn: boolean): Buffer {
  return saslFrame(OUTCOME_CODE, types.wrap_list([types.wrap_ubyte(isSignedIn ? 0 : 1)]));
}

/** Reads the performative of a SASL init frame that was checked. */
export function readSaslInit(performative: Buffer): SaslInit {
  const [mechanism, response] = new types.Reader(performative).read().value as (Typed | undefined)[];
  return {
    mechanism: String(mechanism?.value),
    response: Buffer.isBuffer(response?.value) ? response.value : Buffer.alloc(0),
  };
}

/** `everything` if the client has proved a key of the namespace, `tokens` if it has to put tokens, `undefined` if refused. */
export function signIn({ mechanism, response }: SaslInit, keys: Keys): "everything" | "tokens" | undefined {
  if (!(MECHANISMS as readonly string[]).includes(mechanism)) return undefined;
  if (mechanism !== "PLAIN") return "tokens";
  const [, name, key, ...more] = response.toString("utf8").split("\0");
  if (name === undefined || key === undefined || more.length > 0) return undefined;
  return keys === undefined || isKey(key, name, keys) ? "everything" : undefined;
}

function saslFrame(code: number, fields: Typed): Buffer {
  const performative = encodeSection(code, fields);
  const head = Buffer.from([0, 0, 0, 0, 2, SASL_FRAME, 0, 0]);
  head.writeUInt32BE(head.length + performative.length);
  return Buffer.concat([head, performative]);
}
