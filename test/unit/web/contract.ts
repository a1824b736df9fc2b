import { z } from "zod";
import { openApiDocument } from "../../../scripts/openapi.ts";

type JsonObject = { readonly [name: string]: unknown };

/** The description of the API, as it is served. */
export const document: JsonObject = openApiDocument();

const { schemas } = document["components"] as { readonly schemas: JsonObject };
const paths = document["paths"] as Readonly<Record<string, Readonly<Record<string, JsonObject>>>>;
const compiled = new Map<string, z.ZodType>();

/** @throws Error when an answer is none of those that the OpenAPI document describes, or has a member that it does not */
export function conforms(method: string, path: string, response: Response, body: unknown): void {
  const { pathname } = new URL(path, "http://localhost");
  const below = pathname.replace(/^\/api\/v1(?=\/)/, "");
  const operation = Object.entries(paths)
    .filter(([one]) => pattern(one).test(below))
    .map(([, operations]) => operations[method.toLowerCase()])
    .find((one) => one !== undefined);
  if (operation === undefined) {
    if (response.status !== 404 && response.status !== 405)
      throw new Error(`${method} ${pathname} answers ${response.status}, and is not described`);
    return;
  }
  const responses = operation["responses"] as Readonly<Record<string, JsonObject>>;
  const answer = responses[String(response.status)] ?? responses["default"];
  const isDescribed = responses[String(response.status)] !== undefined || response.status >= 400;
  const content = (answer?.["content"] ?? {}) as Readonly<Record<string, { readonly schema?: JsonObject }>>;
  const [mediaType = ""] = (response.headers.get("content-type") ?? "").split(";");
  const at = `${method} ${pathname} ${response.status}`;
  if (!isDescribed) throw new Error(`${at} is not described`);
  if (body === undefined) return;
  if (content[mediaType] === undefined)
    throw new Error(`${at} has the type ${mediaType}, which is not described`);
  const { schema } = content[mediaType];
  if (schema === undefined) return;
  const result = validatorOf(schema).safeParse(body);
  if (!result.success)
    throw new Error(
      `${at} does not conform: ${z.prettifyError(result.error)}\n${JSON.stringify(body, null, 2)}`,
    );
}

function pattern(path: string): RegExp {
  return new RegExp(`^${path.replaceAll(/\{\w+\}/g, "[^/]+")}$`);
}

function validatorOf(schema: JsonObject): z.ZodType {
  const key = JSON.stringify(schema);
  let validator = compiled.get(key);
  if (validator === undefined) {
    const text = JSON.stringify({ ...strict(schema), $defs: strict(schemas) });
    validator = z.fromJSONSchema(JSON.parse(text.replaceAll("#/components/schemas/", "#/$defs/")) as never);
    compiled.set(key, validator);
  }
  return validator;
}

/** The same schema, in which an object has no members but those that are described. */
function strict(schema: JsonObject): JsonObject {
  return JSON.parse(JSON.stringify(schema), (_, value: unknown) => {
    const isObject = typeof value === "object" && value !== null && "properties" in value;
    return isObject && !("additionalProperties" in value) ? { ...value, additionalProperties: false } : value;
  }) as JsonObject;
}
