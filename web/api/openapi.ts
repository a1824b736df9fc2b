import { z } from "zod";
import { type Answer, type AnyRoute, type HeaderParameter, route } from "./route.ts";
import { problemSchema } from "./schemas.ts";

type JsonObject = Record<string, unknown>;

const PROBLEM = "application/problem+json";

/** The route that serves the description of the API. */
export function openApiRoute(routes: readonly AnyRoute[]): AnyRoute {
  let document: JsonObject | undefined;
  const self = route({
    method: "get",
    path: "/openapi.json",
    role: "viewer",
    operation: "getOpenApi",
    tag: "API",
    summary: "Get this description",
    answers: { 200: { description: "An OpenAPI 3.1 document.", schema: z.looseObject({}) } },
    async handle({ settings: { basePath } }) {
      document ??= openApiOf([...routes, self], basePath === "" ? "/" : basePath);
      return { status: 200, body: document, headers: { "cache-control": "no-cache" } };
    },
  });
  return self;
}

/** Describes routes as OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1). Its schemas are those that check the requests. */
export function openApiOf(routes: readonly AnyRoute[], basePath: string): JsonObject {
  const components: JsonObject = {};
  const paths: Record<string, JsonObject> = {};
  for (const one of routes) {
    const operations = (paths[one.path] ??= {});
    operations[one.method] = operationOf(one, components);
  }
  return {
    openapi: "3.1.1",
    info: {
      title: "queueport jobs",
      version: "1",
      description:
        "Sends, follows and changes background jobs. Errors are problems (RFC 9457) with stable codes.",
    },
    servers: [{ url: basePath }],
    security: [{ bearer: [] }],
    tags: [...new Set(routes.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: sorted(components),
      securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
    },
  };
}

function operationOf(one: AnyRoute, components: JsonObject): JsonObject {
  const { operation, summary, description, tag, role, answers, headers = [] } = one;
  const body = one.documentedBody ?? one.body;
  const parameters = [
    ...parametersOf(one.params, "path", components),
    ...parametersOf(one.query, "query", components),
    ...headers.map((header) => headerParameter(header)),
  ];
  const responses = Object.fromEntries(
    Object.entries(answers).map(([status, answer]) => [status, responseOf(answer, components)]),
  );
  return {
    operationId: operation,
    summary,
    ...(description === undefined ? {} : { description }),
    tags: [tag],
    "x-role": role,
    ...(role === "public" ? { security: [{}, { bearer: [] }] } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: one.isBodyOptional !== true,
            content: { "application/json": { schema: schemaOf(body, "input", components) } },
          },
        }),
    responses: {
      ...responses,
      default: responseOf(
        { description: "The request is refused.", schema: problemSchema, mediaType: PROBLEM },
        components,
      ),
    },
  };
}

function responseOf(
  { description, schema, mediaType = "application/json", headers = {} }: Answer,
  components: JsonObject,
): JsonObject {
  const content = schema === undefined ? {} : { schema: schemaOf(schema, "output", components) };
  const hasBody = schema !== undefined || mediaType !== "application/json";
  const names = Object.entries(headers);
  return {
    description,
    ...(names.length === 0
      ? {}
      : {
          headers: Object.fromEntries(
            names.map(([name, text]) => [name, { description: text, schema: { type: "string" } }]),
          ),
        }),
    ...(hasBody ? { content: { [mediaType]: content } } : {}),
  };
}

function headerParameter({ name, description }: HeaderParameter): JsonObject {
  return { name, in: "header", description, schema: { type: "string" } };
}

function parametersOf(
  schema: z.ZodType | undefined,
  place: "path" | "query",
  components: JsonObject,
): JsonObject[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = schemaOf(schema, "input", components) as {
    readonly properties?: Readonly<Record<string, JsonObject>>;
    readonly required?: readonly string[];
  };
  return Object.entries(properties).map(([name, { description, ...property }]) => ({
    name,
    in: place,
    ...(description === undefined ? {} : { description }),
    ...(required.includes(name) ? { required: true } : {}),
    // A list is given with commas, or as a parameter that is repeated.
    ...("anyOf" in property
      ? { style: "form", explode: false, schema: { type: "array", items: { type: "string" } } }
      : { schema: property }),
  }));
}

/** The JSON Schema of a schema. Schemas with an id become components, and are referred to. */
function schemaOf(schema: z.ZodType, io: "input" | "output", components: JsonObject): JsonObject {
  const json: JsonObject = z.toJSONSchema(schema, {
    io,
    target: "draft-2020-12",
    unrepresentable: "any",
    override({ jsonSchema }) {
      // Answers may get further members in later versions.
      if (io === "output" && jsonSchema.additionalProperties === false)
        delete jsonSchema.additionalProperties;
    },
  });
  for (const [name, definition] of Object.entries((json["$defs"] ?? {}) as JsonObject))
    components[name] = component(definition as JsonObject);
  const { id } = json;
  if (typeof id !== "string") return component(json);
  components[id] = component(json);
  return { $ref: `#/components/schemas/${id}` };
}

/** Members that belong to a schema of its own, and not to one within a document. */
const OWN: ReadonlySet<string> = new Set(["$schema", "$defs", "id"]);

function component(schema: JsonObject): JsonObject {
  const members = Object.fromEntries(Object.entries(schema).filter(([name]) => !OWN.has(name)));
  const text = JSON.stringify(members).replaceAll('"#/$defs/', '"#/components/schemas/');
  return JSON.parse(text) as JsonObject;
}

function sorted(members: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(members).toSorted(([one], [other]) => (one < other ? -1 : 1)));
}
