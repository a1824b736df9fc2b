import type { StandardSchemaV1 } from "@standard-schema/spec";
import { type Duration, optionalMs } from "../../../src/lib/duration.ts";
import { typesOf } from "../known-type.ts";
import { type AnyRoute, route } from "../route.ts";
import { typesSchema } from "../schemas-queues.ts";

/** The members of a job definition that the API shows. */
interface Definition {
  readonly type: string;
  readonly queue?: string | undefined;
  readonly maxAttempts?: number | undefined;
  readonly timeoutMs?: Duration | undefined;
  readonly schema?: StandardSchemaV1 | undefined;
}

/** The route that lists job types. */
export function typeRoutes(): AnyRoute[] {
  return [
    route({
      method: "get",
      path: "/types",
      role: "viewer",
      operation: "listTypes",
      tag: "Jobs",
      summary: "List the job types",
      answers: {
        200: {
          description: "Types that are defined here, or that live workers handle.",
          schema: typesSchema,
        },
      },
      async handle({ jobs, caller }) {
        const workers = await jobs.workers().catch(() => []);
        const allowed = (await typesOf(jobs)).filter((type) => caller.types?.includes(type) ?? true);
        const types = allowed.map((type) => {
          const definition: Definition | undefined = jobs.definitions.find((one) => one.type === type);
          return {
            type,
            queue: definition?.queue,
            max_attempts: definition?.maxAttempts,
            timeout_ms: optionalMs(definition?.timeoutMs),
            payload: jsonSchemaOf(definition?.schema),
            is_defined: definition !== undefined,
            workers: workers.filter((worker) => worker.types.includes(type)).length,
          };
        });
        return { status: 200, body: { types } };
      },
    }),
  ];
}

/** The part of Standard JSON Schema (https://standardschema.dev/json-schema, 2026-11) that is used. */
interface WithJsonSchema {
  readonly jsonSchema?: { readonly input?: (options: { readonly target: string }) => unknown };
}

/** The JSON Schema of a payload as senders give it; undefined if the validator has none, or cannot express it. */
function jsonSchemaOf(schema: StandardSchemaV1 | undefined): unknown {
  try {
    const standard = schema?.["~standard"] as WithJsonSchema | undefined;
    return standard?.jsonSchema?.input?.({ target: "draft-2020-12" });
  } catch {
    // A transform has no JSON Schema.
    return undefined;
  }
}
