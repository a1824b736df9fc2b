import { timingSafeEqual } from "node:crypto";
import { QueueError } from "../../src/errors.ts";
import { sha256 } from "../../src/lib/hash.ts";
import { kindOf, show } from "../../src/lib/text.ts";
import { Problem } from "./problem.ts";

/** The roles of callers, the weakest first. Each may do what those before it may. */
export const roles = ["viewer", "operator", "admin"] as const;

/**
 * The role of a caller:
 *
 * - `viewer` reads.
 * - `operator` sends, cancels, retries and promotes jobs, and redrives dead letters.
 * - `admin` changes many jobs at once, and discards dead letters.
 */
export type Role = (typeof roles)[number];

/** The origin of a request. */
export interface Caller {
  readonly role: Role;
  /**
   * The only tenant whose jobs the caller sees and sends. Everything that concerns all tenants is refused then, such as
   * queues and workers.
   * @default all tenants
   */
  readonly tenant?: string | undefined;
  /** Identifies the caller in audit events, and separates its idempotency keys from those of others. @default none */
  readonly name?: string | undefined;
  /** The job types that the caller may send. @default all types */
  readonly types?: readonly string[] | undefined;
}

/** Returns the caller of a request, or undefined if the request is not authorized. */
export type Authorize = (request: Request) => Caller | undefined | Promise<Caller | undefined>;

/** The caller of every request to an API that is open. */
export const ANYONE: Caller = { role: "admin" };

/** The names of this machine for its own programs. */
const LOOPBACK = /^(?:localhost|(?:.+\.)?localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** Whether a host, without its port, is this machine. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

/** Headers that a proxy adds. Many proxies replace the host by the loopback address that they send to. */
const FORWARDED = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"];

/**
 * An `authorize` of an API that only this machine uses. It refuses other hosts: a page of another site can have its own
 * name lead to this machine, and would then read everything.
 * @throws Problem `not_local`
 */
export function anyoneHere({ headers, url }: Request): Caller {
  const host = headers.get("host") ?? new URL(url).host;
  if (FORWARDED.some((name) => headers.has(name)))
    throw new Problem(
      403,
      "not_local",
      "This API is open to programs of its machine; the request was forwarded by a proxy, so it may come from anywhere. Have the server ask for tokens.",
    );
  if (isLoopback(host.replace(/:\d+$/, ""))) return ANYONE;
  throw new Problem(
    403,
    "not_local",
    `This API is open to programs of its machine; the request is for the host ${show(host)}. Use http://localhost, or have the server ask for tokens.`,
  );
}

/** The caller of a request that is not authorized, to routes that answer it all the same. It sees no job. */
export const NOBODY: Caller = { role: "viewer", tenant: "" };

/** Whether a caller may do what `role` may. */
export function isAtLeast({ role }: Caller, needed: Role): boolean {
  return roles.indexOf(role) >= roles.indexOf(needed);
}

/** Shortest token that is accepted. A shorter one could be guessed. */
const MIN_TOKEN = 16;

/**
 * An `authorize` for tokens: the request has the header `Authorization: Bearer <token>`. The time of a comparison does not
 * depend on how much of a token is right.
 *
 * @param callers the caller of each token, which has 16 characters or more
 * @throws QueueError `config` when a token is too short, or a caller has no role
 *
 * @example
 * const authorize = bearerTokens({ [process.env.API_TOKEN]: { role: "operator", name: "shop" } });
 * const api = jobsApi(jobs, { authorize });
 */
export function bearerTokens(callers: Readonly<Record<string, Caller>>): Authorize {
  const known = Object.entries(callers).map(([token, caller]) => {
    if (token.length < MIN_TOKEN)
      throw new QueueError("config", `A token of the API has ${MIN_TOKEN} characters or more.`);
    // Other characters would not arrive in the header, so each request would be refused.
    if (!/^[\u0021-\u007e]+$/.test(token))
      throw new QueueError(
        "config",
        "A token of the API has visible ASCII characters only, and no space: it is sent in a header.",
      );
    if (!roles.includes(caller.role))
      throw new QueueError(
        "config",
        `The role of a caller is ${roles.join(", ")}; got ${show(caller.role)}.`,
      );
    demandWellFormed(caller, "bearerTokens has");
    return { digest: sha256(token), caller };
  });
  if (known.length === 0) throw new QueueError("config", "bearerTokens needs one token or more.");
  return ({ headers }) => {
    const [, token] = /^bearer +(\S+)$/i.exec(headers.get("authorization") ?? "") ?? [];
    if (token === undefined) return undefined;
    const digest = sha256(token);
    let found: Caller | undefined;
    // All are compared, so that the time does not depend on which one matches.
    for (const one of known) if (timingSafeEqual(one.digest, digest)) found = one.caller;
    return found;
  };
}

/** @throws Problem `forbidden` when the caller's role does not suffice */
export function demandRole(caller: Caller, needed: Role): void {
  if (isAtLeast(caller, needed)) return;
  throw new Problem(
    403,
    "forbidden",
    `This request needs the role ${needed}; the caller has the role ${caller.role}. Use a token of the role ${needed}.`,
  );
}

/** @throws Problem `forbidden` when the caller sees one tenant only */
export function demandAllTenants({ tenant }: Caller): void {
  if (tenant === undefined) return;
  throw new Problem(
    403,
    "forbidden",
    `This request concerns all tenants; the caller sees the tenant ${show(tenant)} only. Use a caller without a tenant.`,
  );
}

/**
 * The tenant that a request concerns: the caller's own, or the one that is asked for.
 * @throws Problem `forbidden` when it is another than the caller's
 */
export function tenantOf({ tenant }: Caller, asked: string | undefined): string | undefined {
  if (tenant === undefined || asked === undefined || asked === tenant) return tenant ?? asked;
  throw new Problem(
    403,
    "forbidden",
    `The caller sees the tenant ${show(tenant)} only; the request asks for ${show(asked)}. Leave the tenant out.`,
  );
}

const UNAUTHORIZED =
  "The request is not authorized. Send the header Authorization: Bearer <token>, with a token of this server.";

/**
 * Refuses requests that a page of another site has a browser make: such a page could change jobs of an API that listens on
 * this machine only.
 * @throws Problem `cross_site`
 */
export function refuseCrossSite({ method, headers, url }: Request): void {
  if (method === "GET" || method === "HEAD") return;
  const site = headers.get("sec-fetch-site");
  const origin = headers.get("origin");
  const isForeign =
    site === null
      ? origin !== null && URL.parse(origin)?.host !== (headers.get("host") ?? new URL(url).host)
      : site !== "same-origin" && site !== "none";
  if (isForeign)
    throw new Problem(
      403,
      "cross_site",
      "The request comes from a page of another site. Send it from the server of that site, or from a page of this one.",
    );
}

/**
 * Refuses a caller whose limits cannot be read: null as its tenant, from a database, must not mean all tenants.
 * @throws QueueError `config`, which the client does not see
 */
function demandWellFormed({ tenant, name, types }: Caller, where: string = "authorize returned"): void {
  const isText = (value: unknown): boolean => typeof value === "string" && value !== "";
  if (tenant !== undefined && !isText(tenant))
    throw new QueueError(
      "config",
      `${where} a caller whose tenant is ${kindOf(tenant)}; it is a text that is not empty, or undefined for all tenants.`,
    );
  if (name !== undefined && typeof name !== "string")
    throw new QueueError("config", `${where} a caller whose name is ${kindOf(name)}, and no text.`);
  if (types !== undefined && !Array.isArray(types))
    throw new QueueError("config", `${where} a caller whose types are ${kindOf(types)}, and no list.`);
}

/** @throws Problem `unauthorized` */
export async function callerOf(request: Request, authorize: Authorize): Promise<Caller> {
  const caller = await authorize(request);
  if (caller !== undefined && caller !== null && roles.includes(caller.role)) {
    demandWellFormed(caller);
    return caller;
  }
  throw new Problem(401, "unauthorized", UNAUTHORIZED, {
    headers: { "www-authenticate": 'Bearer realm="queueport"' },
  });
}
