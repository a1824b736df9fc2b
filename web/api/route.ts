import type { z } from "zod";
import type { Jobs } from "../../src/jobs/jobs.ts";
import type { Caller, Role } from "./caller.ts";
import type { ApiSettings } from "./options.ts";

/** One request, with its parts checked. */
export interface Call<Path, Query, Body> {
  readonly jobs: Jobs;
  readonly settings: ApiSettings;
  readonly request: Request;
  /** `NOBODY` if the request is not authorized, which only a public route serves. */
  readonly caller: Caller;
  readonly path: Path;
  readonly query: Query;
  readonly body: Body;
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal;
}

/** An answer of a route. */
export interface Reply {
  readonly status: number;
  /** The JSON of the answer; undefined for an answer without a body. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One answer of a route, for its documentation. */
export interface Answer {
  readonly description: string;
  readonly schema?: z.ZodType;
  /** @default application/json */
  readonly mediaType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request header that a route reads. */
export interface HeaderParameter {
  readonly name: string;
  readonly description: string;
}

/** One route: its place, what it takes, what it answers, and the function that does so. */
export interface Route<Path = unknown, Query = unknown, Body = unknown> {
  readonly method: "get" | "post";
  /** The path below the base, with parameters in braces: `/jobs/{id}`. */
  readonly path: string;
  /** The weakest role that may use it. A public route is served to everybody. */
  readonly role: Role | "public";
  /** Whether it concerns all tenants, so that a caller of one tenant may not use it. @default false */
  readonly isForAllTenants?: boolean;
  /** A verb phrase that names the route in the documentation. */
  readonly summary: string;
  readonly description?: string;
  /** Names the operation in generated clients. */
  readonly operation: string;
  readonly tag: string;
  readonly params?: z.ZodType<Path>;
  readonly query?: z.ZodType<Query>;
  readonly body?: z.ZodType<Body>;
  /** The schema of the body in the documentation, if `body` is checked by the function itself. */
  readonly documentedBody?: z.ZodType;
  /** Whether the body may be left out. @default false */
  readonly isBodyOptional?: boolean;
  readonly headers?: readonly HeaderParameter[];
  readonly answers: Readonly<Record<number, Answer>>;
  readonly handle: (call: Call<Path, Query, Body>) => Promise<Reply | Response>;
}

/** A route whose types are known to itself only. */
export type AnyRoute = Route<any, any, any>;

/** Infers the types of a route from its schemas. */
export function route<Path = undefined, Query = undefined, Body = undefined>(
  definition: Route<Path, Query, Body>,
): AnyRoute {
  return definition;
}
