import { createHmac, timingSafeEqual } from "node:crypto";
import { refusals } from "./broker/refusal.ts";

/** Shared access keys by name; `undefined` if any key is accepted. */
export type Keys = Readonly<Record<string, string>> | undefined;

const SCHEME = "SharedAccessSignature ";
/** Tolerated difference between the clocks of client and server. */
const SKEW_MS = 300_000;

/** Access that a token gives. */
export interface Grant {
  /** Path in the namespace, in lower case. The grant covers the path and everything below it. */
  readonly path: string;
  /** Expiry in epoch milliseconds. */
  readonly until: number;
}

/**
 * Reads a shared access signature. Checks its form and its expiry, and its signature if there are keys.
 * @throws Refusal `amqp:unauthorized-access`
 */
export function readSignature(token: string, keys: Keys): Grant {
  const fields = new Map<string, string>();
  for (const pair of token.startsWith(SCHEME) ? token.slice(SCHEME.length).split("&") : []) {
    const equals = pair.indexOf("=");
    fields.set(pair.slice(0, equals), pair.slice(equals + 1));
  }
  const [sr, sig, se, skn] = ["sr", "sig", "se", "skn"].map((name) => fields.get(name));
  if (!sr || !sig || !se || !skn)
    throw refusals.unauthorized("InvalidSignature: The token has a wrong form.");
  const until = Number(se) * 1_000;
  if (!(until + SKEW_MS > Date.now())) throw refusals.unauthorized("ExpiredToken: The token is expired.");
  if (keys !== undefined && !isSigned(`${sr}\n${se}`, decodeURIComponent(sig), keys[decodeURIComponent(skn)]))
    throw refusals.unauthorized("InvalidSignature: The token has an invalid signature.");
  return { path: pathOf(decodeURIComponent(sr)), until };
}

/**
 * Reads a token of Microsoft Entra ID. Checks its form and its expiry. A local server cannot check its signature.
 * @throws Refusal `amqp:unauthorized-access`
 */
export function readJwt(token: string, audience: string): Grant {
  const [, claims = ""] = token.split(".");
  let until = Number.POSITIVE_INFINITY;
  try {
    const { exp } = JSON.parse(Buffer.from(claims, "base64url").toString()) as { readonly exp?: number };
    if (exp !== undefined) until = exp * 1_000;
  } catch {
    throw refusals.unauthorized("InvalidToken: The token is no JSON web token.");
  }
  if (until + SKEW_MS <= Date.now()) throw refusals.unauthorized("ExpiredToken: The token is expired.");
  return { path: pathOf(audience), until };
}

/** The path of an audience: `sb://host:port/queue` → `queue`. */
function pathOf(audience: string): string {
  return audience
    .replace(/^\w+:\/\/[^/]*\/?/, "")
    .replace(/\/$/, "")
    .toLowerCase();
}

/** Whether a grant is valid now and covers an address. */
export function covers({ path, until }: Grant, address: string): boolean {
  if (until + SKEW_MS <= Date.now()) return false;
  const entity = address.toLowerCase();
  return path === "" || entity === path || entity.startsWith(`${path}/`);
}

function isSigned(text: string, signature: string, key: string | undefined): boolean {
  if (key === undefined) return false;
  const expected = createHmac("sha256", key).update(text).digest();
  const given = Buffer.from(signature, "base64");
  return given.length === expected.length && timingSafeEqual(given, expected);
}
