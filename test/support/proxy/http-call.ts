import type { IncomingHttpHeaders, IncomingMessage } from "node:http";

/** One request, as a rule sees it. */
export interface HttpCall {
  /** `SendMessageBatch`: of the `X-Amz-Target` header; `GET /path` where there is none. */
  readonly operation: string;
  readonly headers: IncomingHttpHeaders;
  /** The body where it is JSON, else undefined. */
  readonly json: Readonly<Record<string, unknown>> | undefined;
}

/** What becomes of a request that a rule applies to. */
export type HttpAction =
  /** The server acts, and its answer is lost with the connection. */
  | { readonly kind: "drop_response" }
  /** Answered as the service would, without the server. */
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly code: string;
      /** Beside those that an error has anyway. */
      readonly headers?: Readonly<Record<string, string>> | undefined;
    }
  /** The server acts, and its answer is held for this long. */
  | { readonly kind: "hold_answer"; readonly ms: number }
  /** Held until then, and forwarded after that. */
  | { readonly kind: "stall"; readonly until: Promise<void> }
  /** Swallowed: neither forwarded nor answered, for as long as the client waits. */
  | { readonly kind: "black_hole" }
  /** The server acts; its answer gets as far as the headers, and the connection stays. */
  | { readonly kind: "break_off" }
  /** This entry of a batch fails and is not forwarded; the others are. */
  | {
      readonly kind: "fail_entry";
      readonly index: number;
      readonly code: string;
      readonly senderFault: boolean;
    }
  /** This entry of a batch is carried out, and the answer does not mention it. */
  | { readonly kind: "omit_entry"; readonly index: number };

/** SQS's way to say "slow down". */
export const THROTTLED: HttpAction = { kind: "answer", status: 400, code: "RequestThrottled" };

/** What goes over the wire, either way. */
export interface HttpPacket {
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Buffer;
}

export async function readBody(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export function callOf({ headers, method = "", url = "" }: IncomingMessage, body: Buffer): HttpCall {
  const target = headers["x-amz-target"];
  const operation = typeof target === "string" ? (target.split(".").at(-1) ?? target) : `${method} ${url}`;
  return { operation, headers, json: parse(body) };
}

/** An error in the form of the AWS JSON protocol. */
export function errorAnswer(code: string, status: number): HttpPacket {
  const fault = status >= 500 ? "Receiver" : "Sender";
  const text = JSON.stringify({ __type: `com.amazonaws.sqs#${code}`, message: `${code} (by the proxy)` });
  const headers = { "content-type": "application/x-amz-json-1.0", "x-amzn-query-error": `${code};${fault}` };
  return { headers, body: Buffer.from(text) };
}

export function parse(body: Buffer): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(body.toString()) as unknown;
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
