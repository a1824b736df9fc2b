import { createHmac, timingSafeEqual } from "node:crypto";
import { refusals } from "./broker/refusal.ts";

/** Shared access keys by their names; undefined where any will do. */
export type Keys = Readonly<Record<string, string>> | undefined;

const SCHEME = "SharedAccessSignature ";
/** Clocks differ, and the service is as patient. */
const SKEW_MS = 300_000;

/** What a token is good for, and until when in epoch milliseconds. */
export interface Grant {
  /** An audience: a path of the namespace, in lower case, and all that is below it. */
  readonly path: string;
  readonly until: number;
}

/** A shared access signature, whose form, time and, where there are keys, signature are right. @throws Refusal */
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

/** A token of Microsoft Entra ID: there is nobody here who could check more than its form and its time. @throws Refusal */
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

/** `sb://host:port/queue` -> `queue`. */
export function pathOf(audience: string): string {
  return audience
    .replace(/^\w+:\/\/[^/]*\/?/, "")
    .replace(/\/$/, "")
    .toLowerCase();
}

export function covers({ path, until }: Grant, wanted: string): boolean {
  if (until + SKEW_MS <= Date.now()) return false;
  const entity = wanted.toLowerCase();
  return path === "" || entity === path || entity.startsWith(`${path}/`);
}

function isSigned(text: string, signature: string, key: string | undefined): boolean {
  if (key === undefined) return false;
  const right = createHmac("sha256", key).update(text).digest();
  const given = Buffer.from(signature, "base64");
  return given.length === right.length && timingSafeEqual(given, right);
}
