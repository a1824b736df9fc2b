import { Hono } from "hono";
import type { Jobs } from "../../src/jobs/jobs.ts";
import { callerOf, type Caller, demandAllTenants, demandRole, NOBODY, refuseCrossSite } from "./caller.ts";
import { checked } from "./check-input.ts";
import { type ApiSettings, type JobsApiOptions, settingsOf } from "./options.ts";
import { Problem, problemOf } from "./problem.ts";
import { readJson, readQuery } from "./read-body.ts";
import { type AnyRoute, type Reply } from "./route.ts";
import { routesOf } from "./routes/index.ts";

/** Answers the requests to the REST API. A function of the Fetch standard, to be mounted in any server. */
export type JobsApi = (request: Request) => Promise<Response>;

/**
 * Creates the REST API of `jobs`. It serves the paths below `basePath`, the same paths without it, and `/health/jobs`,
 * `/health/queues` and `/health/workers`. It is closed: without `authorize` it is not created, unless `open` is set.
 *
 * @throws QueueError `invalid_options` when an option is wrong, or neither `authorize` nor `open` is given
 *
 * @example
 * import { bearerTokens, jobsApi, serveApi } from "queueport/api";
 *
 * const authorize = bearerTokens({ [process.env.API_TOKEN]: { role: "admin" } });
 * const server = await serveApi(jobsApi(jobs, { authorize }), { port: 8080 });
 */
export function jobsApi(jobs: Jobs, options: JobsApiOptions): JobsApi {
  const settings = settingsOf(options, jobs.queue.clock);
  const app = new Hono({ getPath: ({ url }) => pathBelow(new URL(url).pathname, settings.basePath) });
  const routes = routesOf(jobs, settings);
  const paths = new Map<string, string[]>();
  for (const one of routes) {
    const path = one.path.replaceAll(/\{(\w+)\}/g, ":$1");
    const methods = paths.get(path) ?? [];
    paths.set(path, [...methods, one.method.toUpperCase()]);
    app.on(one.method, path, (context) => answer(one, jobs, settings, context.req.raw, context.req.param()));
  }
  for (const [path, methods] of paths) {
    app.all(path, ({ req }) => refuse(notAllowed(req.method, methods)));
  }
  app.notFound(({ req }) => refuse(noRoute(req.path, settings.basePath)));
  app.onError((error, { req }) => failed(error, settings, req.raw));
  return async (request) => app.fetch(request);
}

/** Answers one request to one route. */
async function answer(
  one: AnyRoute,
  jobs: Jobs,
  settings: ApiSettings,
  request: Request,
  params: Readonly<Record<string, string>>,
): Promise<Response> {
  let caller: Caller = NOBODY;
  let response: Response;
  try {
    refuseCrossSite(request);
    caller = await callerFor(one, settings, request);
    demandRights(one, caller);
    const url = new URL(request.url);
    const path = one.params === undefined ? undefined : checked(one.params, params, "path");
    const query = one.query === undefined ? undefined : checked(one.query, readQuery(url), "query");
    const body = await bodyFor(one, settings, request);
    const call = { jobs, settings, request, caller, path, query, body, signal: request.signal };
    response = await withoutBody(request, responseOf(await one.handle(call)));
  } catch (error) {
    response = failed(error, settings, request);
  }
  if (one.method === "post") audit(one, settings, request, caller, response.status);
  return response;
}

/** The caller of a request. A public route is also served to nobody in particular. */
async function callerFor({ role }: AnyRoute, { authorize }: ApiSettings, request: Request): Promise<Caller> {
  try {
    return await callerOf(request, authorize);
  } catch (error) {
    if (role === "public" && error instanceof Problem) return NOBODY;
    throw error;
  }
}

function demandRights({ role, isForAllTenants = false }: AnyRoute, caller: Caller): void {
  if (role === "public") return;
  demandRole(caller, role);
  if (isForAllTenants) demandAllTenants(caller);
}

async function bodyFor(
  { body, isBodyOptional = false }: AnyRoute,
  { maxBodyBytes }: ApiSettings,
  request: Request,
): Promise<unknown> {
  if (body === undefined) return undefined;
  const value = await readJson(request, maxBodyBytes);
  return checked(body, value === undefined && isBodyOptional ? {} : value, "body");
}

function responseOf(reply: Reply | Response): Response {
  if (reply instanceof Response) return reply;
  const { status, body, headers = {} } = reply;
  const all = { "cache-control": "no-store", "x-content-type-options": "nosniff", ...headers };
  return body === undefined
    ? new Response(null, { status, headers: all })
    : Response.json(body, { status, headers: all });
}

/** The answer to HEAD has no body. A stream that nobody will read is ended, or it would stay open for good. */
async function withoutBody({ method }: Request, response: Response): Promise<Response> {
  if (method !== "HEAD") return response;
  await response.body?.cancel();
  return new Response(null, response);
}

function failed(error: unknown, { onError }: ApiSettings, request: Request): Response {
  const problem = problemOf(error);
  // A problem without a cause tells the client all there is. A client that has gone ends what its request waits for.
  const isTold = problem === error && problem.cause === undefined;
  if (problem.status >= 500 && !isTold && !request.signal.aborted) onError(problem.cause ?? error, request);
  return problem.toResponse();
}

function audit(
  { operation }: AnyRoute,
  { onAudit }: ApiSettings,
  request: Request,
  caller: Caller,
  status: number,
): void {
  const { pathname } = new URL(request.url);
  const { name, tenant } = caller === NOBODY ? {} : caller;
  onAudit({ operation, method: request.method, path: pathname, name, tenant, status });
}

/** The path of the route table. Some frameworks remove the base before they call a mounted function. */
function pathBelow(pathname: string, basePath: string): string {
  if (!`${pathname}/`.startsWith(`${basePath}/`)) return pathname;
  return pathname.slice(basePath.length) || "/";
}

function refuse(problem: Problem): Response {
  return problem.toResponse();
}

function notAllowed(method: string, methods: readonly string[]): Problem {
  const allowed = methods.join(", ");
  return new Problem(405, "method_not_allowed", `This path takes ${allowed}, and not ${method}.`, {
    headers: { allow: allowed },
  });
}

function noRoute(path: string, basePath: string): Problem {
  return new Problem(
    404,
    "no_route",
    `There is no such path${path === "/" ? "" : ` below ${basePath}`}. ${basePath}/openapi.json lists all paths.`,
  );
}
