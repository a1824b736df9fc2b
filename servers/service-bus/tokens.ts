import { createHmac, timingSafeEqual } from "node:crypto";
import { refusals } from "./broker/refusal.ts";

/** Shared access keys by name; `undefined` if any key is accepted. */
export type Keys = Readonly<Record<string, string>> | undefined;

const SCHEME = "SharedAccessSignature ";
const BEARER = "Bearer ";
/** Characters of an audience: the name of a queue has at most 260. */
export const MAX_PATH_LENGTH = 512;
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
  if (keys !== undefined && !isSigned(`${sr}\n${se}`, decoded(sig), keyOf(keys, decoded(skn))))
    throw refusals.unauthorized("InvalidSignature: The token has an invalid signature.");
  return { path: pathOf(decoded(sr)), until };
}

/**
 * Reads a token of Microsoft Entra ID, of which a local server can check the form and the expiry, and not the signature.
 * It is refused if there are keys, because anybody can write one.
 * @throws Refusal `amqp:unauthorized-access`
 */
export function readJwt(token: string, audience: string, keys: Keys): Grant {
  if (keys !== undefined)
    throw refusals.unauthorized(
      "InvalidToken: This server has keys, and accepts signatures of these keys only.",
    );
  const [, claims = ""] = token.split(".");
  let until = Number.POSITIVE_INFINITY;
  try {
    const { exp } = JSON.parse(Buffer.from(claims, "base64url").toString()) as { readonly exp?: number };
    if (exp !== undefined) until = exp * 1_000;
  } catch {
    throw refusals.unauthorized("InvalidToken: The token is no JSON web token.");
  }
  if (!(until + SKEW_MS > Date.now())) throw refusals.unauthorized("ExpiredToken: The token is expired.");
  return { path: pathOf(audience), until };
}

/**
 * Checks that the authorization header of a request gives access to a path of the namespace.
 * @throws Refusal `amqp:unauthorized-access`
 */
export function assertAuthorized(header: string, path: string, keys: Keys): void {
  const grant = header.startsWith(BEARER)
    ? readJwt(header.slice(BEARER.length), path, keys)
    : readSignature(header, keys);
  if (!covers(grant, path))
    throw refusals.unauthorized(`InvalidAudience: The token is for '${grant.path}', and not for '${path}'.`);
}

/** @throws Refusal `amqp:unauthorized-access` if the text is not percent-encoded */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw refusals.unauthorized("InvalidSignature: The token is not percent-encoded.");
  }
}

/** Whether a key is the one of this name. */
export function isKey(given: string, name: string, keys: NonNullable<Keys>): boolean {
  const expected = keyOf(keys, name);
  if (expected === undefined) return false;
  const [one, other] = [Buffer.from(given), Buffer.from(expected)];
  return one.length === other.length && timingSafeEqual(one, other);
}

function keyOf(keys: NonNullable<Keys>, name: string): string | undefined {
  return Object.hasOwn(keys, name) ? keys[name] : undefined;
}

/** The path of an audience: `sb://host:port/queue?api-version=1` → `queue`. */
function pathOf(audience: string): string {
  return audience
    .replace(/^\w+:\/\/[^/]*\/?/, "")
    .replace(/\?.*$/, "")
    .replace(/\/$/, "")
    .toLowerCase();
}

/** Whether a grant is valid now and covers an address. */
export function covers({ path, until }: Grant, address: string): boolean {
  return until + SKEW_MS > Date.now() && pathsOver(address).includes(path);
}

/** Whether one of the grants, by their paths, is valid now and covers an address. */
export function isCovered(address: string, grants: ReadonlyMap<string, Grant>): boolean {
  return pathsOver(address).some((path) => (grants.get(path)?.until ?? 0) + SKEW_MS > Date.now());
}

/** The paths whose grants cover an address: its own, and those above it. */
function pathsOver(address: string): string[] {
  // A path is not longer than that. An address is, if somebody wants to keep the server busy.
  const entity = address.slice(0, MAX_PATH_LENGTH).toLowerCase();
  const paths = ["", address.length > MAX_PATH_LENGTH ? "" : entity];
  for (let at = entity.indexOf("/"); at >= 0; at = entity.indexOf("/", at + 1))
    paths.push(entity.slice(0, at));
  return paths;
}

function isSigned(text: string, signature: string, key: string | undefined): boolean {
  if (key === undefined) return false;
  const expected = createHmac("sha256", key).update(text).digest();
  const given = Buffer.from(signature, "base64");
  return given.length === expected.length && timingSafeEqual(given, expected);
}
