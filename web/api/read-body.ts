import { describeError } from "../../src/errors.ts";
import { show } from "../../src/lib/text.ts";
import { invalidRequest, Problem } from "./problem.ts";

/** Levels that the JSON of a body may be nested. A deeper value breaks whatever walks it. */
const MAX_DEPTH = 200;
const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json$/i;

/**
 * Reads the body of a request as JSON; undefined if there is none.
 * @throws Problem `unsupported_media_type`, `body_too_large` or `invalid_request`
 */
export async function readJson(request: Request, maxBytes: number): Promise<unknown> {
  const bytes = await readBytes(request, maxBytes);
  if (bytes.length === 0) return undefined;
  const [type = ""] = (request.headers.get("content-type") ?? "").split(";");
  if (!JSON_TYPE.test(type.trim()))
    throw new Problem(
      415,
      "unsupported_media_type",
      `The body of the request has the type ${show(type.trim())}; send JSON with the header Content-Type: application/json.`,
      { headers: { accept: "application/json" } },
    );
  return parsed(bytes);
}

function parsed(bytes: Uint8Array): unknown {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw invalidRequest(`The body of the request is no JSON in UTF-8: ${describeError(error)}.`);
  }
  if (isDeeper(value, MAX_DEPTH))
    throw invalidRequest(
      `The body of the request is nested deeper than ${MAX_DEPTH} levels; flatten its payload.`,
    );
  return value;
}

/** Reads the body, and stops where it is too large, whatever its `Content-Length` says. */
async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array> {
  const length = request.headers.get("content-length");
  if (length !== null && Number(length) > maxBytes) throw tooLarge(maxBytes);
  if (request.body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>) {
      size += chunk.byteLength;
      if (size > maxBytes) throw tooLarge(maxBytes);
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw invalidRequest(`The body of the request ended early: ${describeError(error)}.`);
  }
  return Buffer.concat(chunks);
}

function tooLarge(maxBytes: number): Problem {
  return new Problem(
    413,
    "body_too_large",
    `The body of a request has at most ${maxBytes} bytes; store large data elsewhere, and send a reference to it.`,
    // The rest of the body is not read, so the connection cannot be used again.
    { headers: { connection: "close" } },
  );
}

/** Whether a value is nested deeper than `levels`. Level by level, since recursion would overflow the stack. */
function isDeeper(value: unknown, levels: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > levels) return true;
    level = level.flatMap((part) =>
      typeof part === "object" && part !== null ? (Object.values(part) as unknown[]) : [],
    );
    level = level.filter((part) => typeof part === "object" && part !== null);
  }
  return false;
}

/** The parameters of a query. A parameter that is given several times is a list. */
export function readQuery(url: URL): Record<string, string | string[]> {
  const query: Record<string, string | string[]> = Object.create(null) as Record<string, string | string[]>;
  for (const [name, value] of url.searchParams) {
    const before = query[name];
    if (before === undefined) query[name] = value;
    else if (Array.isArray(before)) before.push(value);
    else query[name] = [before, value];
  }
  // A plain object, since a schema refuses one without a prototype.
  return { ...query };
}
