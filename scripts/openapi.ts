import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Jobs } from "../src/jobs/jobs.ts";
import { systemClock } from "../src/lib/clock.ts";
import { openApiOf } from "../web/api/openapi.ts";
import { settingsOf } from "../web/api/options.ts";
import { routesOf } from "../web/api/routes/index.ts";

/** The file with the description of the REST API, which a test compares with the routes. */
export const OPENAPI_FILE: string = fileURLToPath(new URL("../test/golden/openapi.json", import.meta.url));

/** The description of the REST API, as `GET /openapi.json` has it. No route asks jobs until it has a request. */
export function openApiDocument(): Readonly<Record<string, unknown>> {
  const routes = routesOf({} as Jobs, settingsOf({ open: true }, systemClock));
  return openApiOf(routes, "/api/v1");
}

if (import.meta.main) writeFileSync(OPENAPI_FILE, JSON.stringify(openApiDocument()));
