import type { IncomingHttpHeaders, IncomingMessage } from "node:http";

/** One request, as a rule sees it. */
export interface HttpCall {
  /** `SendMessageBatch`, from the `X-Amz-Target` header. `GET /path` if the request has no such header. */
  readonly operation: string;
  readonly headers: IncomingHttpHeaders;
  /** The body, if it is a JSON object. */
  readonly json: Readonly<Record<string, unknown>> | undefined;
}

/** The fault of a request that a rule applies to. */
export type HttpAction =
  /** The server handles the request. Its answer is lost, and the connection is cut. */
  | { readonly kind: "drop_response" }
  /** The proxy answers with an error of the service. The server does not see the request. */
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly code: string;
      /** Headers in addition to those of every error. */
      readonly headers?: Readonly<Record<string, string>> | undefined;
    }
  /** The server handles the request. Its answer is held for `ms` milliseconds. */
  | { readonly kind: "hold_answer"; readonly ms: number }
  /** The request is held until the promise resolves, and is forwarded then. */
  | { readonly kind: "stall"; readonly until: Promise<void> }
  /** The request is neither forwarded nor answered. The connection stays open. */
  | { readonly kind: "black_hole" }
  /** The server handles the request. Only the headers of its answer arrive, and the connection stays open. */
  | { readonly kind: "break_off" }
  /** One entry of a batch fails and is not forwarded. The other entries are. */
  | {
      readonly kind: "fail_entry";
      readonly index: number;
      readonly code: string;
      readonly senderFault: boolean;
    }
  /** The server handles one entry of a batch, but the answer does not mention this entry. */
  | { readonly kind: "omit_entry"; readonly index: number };

/** The throttling error of SQS. */
export const THROTTLED: HttpAction = { kind: "answer", status: 400, code: "RequestThrottled" };

/** The headers and the body of a request or an answer. */
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
