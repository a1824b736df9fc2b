import type { Json } from "../../src/jobs/json.ts";
import { hashOf, payloadHash } from "../../src/jobs/payload-hash.ts";
import type { JobSendOptions } from "../../src/jobs/send/send-options.ts";
import { show } from "../../src/lib/text.ts";
import type { Caller } from "./caller.ts";
import { invalidRequest } from "./problem.ts";

/** The options of a send by which a repeated request gets the job of the first. */
type KeyOptions = Required<Pick<JobSendOptions, "idempotencyKey" | "idempotencyHash">>;

/** The `Idempotency-Key` of one request. */
export interface IdempotencyKey {
  /** The options for one job of the request. `index` is its number among several. */
  optionsFor(body: unknown, index: number | undefined): KeyOptions;
}

/** 1 to 255 visible characters; the draft of the header has them in quotes, and most clients do not. */
const KEY = /^"?([\u0021\u0023-\u007e]{1,255})"?$/;

/**
 * Reads the header `Idempotency-Key` (https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header-07,
 * 2026-11). A key belongs to its caller and to the route, so that no caller gets the job of another one.
 *
 * @throws Problem `invalid_request` when the key is empty, too long, or has other characters
 */
export function keyOf(request: Request, { name, tenant }: Caller): IdempotencyKey | undefined {
  const given = request.headers.get("idempotency-key");
  if (given === null) return undefined;
  const [, key] = KEY.exec(given) ?? [];
  if (key === undefined)
    throw invalidRequest(
      `An Idempotency-Key has 1 to 255 visible ASCII characters without a space or a quote; got ${show(given)}. A UUID will do.`,
    );
  return {
    optionsFor: (body, index) => ({
      idempotencyKey: hashOf([name, tenant, "POST /jobs", key, index]),
      // The whole body, since the same key with another delay is another request.
      idempotencyHash: payloadHash(body as Json),
    }),
  };
}
