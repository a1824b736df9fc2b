export type { AuditEvent, JobsApiOptions } from "./options.ts";
export { type Authorize, bearerTokens, type Caller, type Role } from "./caller.ts";
export { type JobsApi, jobsApi } from "./jobs-api.ts";
export { type ApiServer, serveApi, type ServeApiOptions } from "./serve.ts";
