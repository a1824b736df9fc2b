/**
 * The JSON schema of a configuration file, by which editors complete and check it. It is generated from the schemas that
 * check a configuration, and has the doc comments of its types. `npm run schema` writes it; a test fails if the two differ.
 *
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseSync } from "oxc-parser";
import { z } from "zod";
import { workerSchema } from "../adapters/config-file.ts";
import { jobsSchema } from "../adapters/jobs-config.ts";
import { providers } from "../adapters/registry.ts";

type Json = Record<string, unknown>;

const root = new URL("..", import.meta.url);

/** A duration in a file: a number of milliseconds, a text with a unit, or parts. */
const duration: Json = {
  anyOf: [
    { type: "number", minimum: 0 },
    {
      type: "string",
      pattern: "^\\d+(\\.\\d+)? ?(ms|milliseconds?|s|seconds?|m|minutes?|h|hours?|d|days?)$",
    },
    {
      type: "object",
      minProperties: 1,
      additionalProperties: false,
      properties: Object.fromEntries(
        ["days", "hours", "minutes", "seconds", "milliseconds"].map((part) => [
          part,
          { type: "number", minimum: 0 },
        ]),
      ),
    },
  ],
};

/** The schema of a configuration file. */
export function configSchema(): Json {
  const names = Object.keys(providers);
  const rest: Json = {
    worker: { $ref: "#/definitions/worker" },
    jobs: { $ref: "#/definitions/jobs" },
    $schema: { type: "string", description: "The schema by which an editor checks this file." },
  };
  const definitions = Object.fromEntries(
    Object.entries(providers).map(([name, { schema }]) => {
      const own = jsonSchema(schema, docsOf(`adapters/${name}/config.ts`, `${pascal(name)}Config`));
      return [name, { ...own, properties: { ...(own["properties"] as Json), ...rest } }];
    }),
  );
  const worker = jsonSchema(workerSchema, docsOf("adapters/config-file.ts", "WorkerConfig"));
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Configuration of queueport",
    description:
      "The queue connection, in the key worker the settings of a worker process, and in the key jobs those of jobs that are recorded.",
    type: "object",
    required: ["provider"],
    properties: { provider: { enum: names, description: "The provider of the queues." }, ...rest },
    allOf: names.map((name) => ({
      if: { required: ["provider"], properties: { provider: { const: name } } },
      // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
      then: { $ref: `#/definitions/${name}` },
    })),
    definitions: {
      duration,
      ...definitions,
      worker: { ...worker, description: "The settings of a worker process." },
      jobs: { ...jobs(), description: "The settings of jobs that are recorded in a store." },
    },
  };
}

/** The schema of the section `jobs`. Its parts have members of the same names, so each part has its own descriptions. */
function jobs(): Json {
  const file = "adapters/jobs-config.ts";
  const parts = {
    queues: "JobsQueueConfig",
    types: "JobTypeConfig",
    worker_pool: "WorkerPoolConfig",
    scheduler: "SchedulerConfig",
    retention: "RetentionConfig",
    metrics: "JobsMetricsConfig",
    api: "ApiConfig",
  };
  const schema = jsonSchema(jobsSchema, new Map());
  const properties = schema["properties"] as Readonly<Record<string, Json>>;
  for (const [part, name] of Object.entries(parts)) describe(properties[part], new Map(members(file, name)));
  describe(properties["store"], new Map(members("adapters/stores.ts", undefined)));
  describe(schema, new Map(members(file, "JobsConfig")));
  return schema;
}

/** The JSON schema of a zod schema, whose properties at any depth have the descriptions of their names. */
function jsonSchema(schema: z.ZodType, docs: ReadonlyMap<string, string>): Json {
  const { $schema: _, ...converted } = z.toJSONSchema(schema, {
    io: "input",
    target: "draft-7",
    unrepresentable: "any",
    // Durations are the only custom fields of a file.
    override: ({ zodSchema, jsonSchema: json }) => {
      if (zodSchema instanceof z.core.$ZodCustom)
        Object.assign(json, { allOf: [{ $ref: "#/definitions/duration" }] });
      if (json.maximum === Number.MAX_SAFE_INTEGER) delete json.maximum;
    },
  });
  describe(converted, docs);
  return converted;
}

function describe(schema: unknown, docs: ReadonlyMap<string, string>): void {
  if (typeof schema !== "object" || schema === null) return;
  const { properties } = schema as { readonly properties?: Readonly<Record<string, Json>> };
  for (const [name, property] of Object.entries(properties ?? {})) {
    const text = docs.get(name);
    // The parts of a duration have no text of their own.
    if (text !== undefined && property["description"] === undefined) property["description"] = text;
  }
  for (const part of Object.values(schema)) describe(part, docs);
}

/** The doc comments of the members of an interface and of the interfaces of its file, after those of every configuration. */
function docsOf(file: string, name: string): Map<string, string> {
  const docs = new Map<string, string>();
  for (const [path, only] of [
    ["src/backoff.ts", "BackoffOptions"],
    ["adapters/config.ts", "CommonConfig"],
    ["src/worker/types.ts", "WorkerOptions"],
    [file, undefined],
    [file, name],
  ] as const)
    for (const [member, text] of members(path, only)) docs.set(member, text);
  return docs;
}

/** The members of the interfaces of a file, or of one of them, each with its doc comment as one paragraph. */
function members(path: string, only: string | undefined): [string, string][] {
  const source = readFileSync(new URL(path, root), "utf8");
  const { program, comments } = parseSync(path, source);
  const found: [string, string][] = [];
  for (const statement of program.body) {
    const declaration = statement.type === "ExportNamedDeclaration" ? statement.declaration : statement;
    if (declaration?.type !== "TSInterfaceDeclaration") continue;
    if (only !== undefined && declaration.id.name !== only) continue;
    for (const member of declaration.body.body) {
      if (member.type !== "TSPropertySignature" || member.key.type !== "Identifier") continue;
      const comment = comments.findLast(({ end }) => end <= member.start);
      const isOwn = comment !== undefined && source.slice(comment.end, member.start).trim() === "";
      if (isOwn) found.push([member.key.name, paragraph(comment.value)]);
    }
  }
  return found;
}

function paragraph(comment: string): string {
  const text = comment
    .replaceAll(/^\s*\*+ ?/gm, " ")
    .replaceAll(/\s+/g, " ")
    .trim();
  return text.replace(/ ?@default (.*)$/, " Default: $1.").trim();
}

function pascal(name: string): string {
  return name.replaceAll(/(?:^|-)(\w)/g, (_all, letter: string) => letter.toUpperCase());
}

if (import.meta.main) {
  writeFileSync(new URL("schema.json", root), `${JSON.stringify(configSchema(), null, 2)}\n`);
}
