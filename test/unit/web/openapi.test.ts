import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { OPENAPI_FILE } from "../../../scripts/openapi.ts";
import { document } from "./contract.ts";
import { ApiFixture } from "./fixture.ts";

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
  }[];
  readonly responses: Readonly<Record<string, unknown>>;
}

const paths = document["paths"] as Readonly<Record<string, Readonly<Record<string, Operation>>>>;
const operations = Object.entries(paths).flatMap(([path, methods]) =>
  Object.values(methods).map((operation) => ({ path, ...operation })),
);

test("GET /openapi.json is the document of test/golden/openapi.json", async () => {
  await using fixture = await ApiFixture.open();
  const { status, body } = await fixture.get("/api/v1/openapi.json");
  expect(status).toBe(200);
  const golden: unknown = JSON.parse(readFileSync(OPENAPI_FILE, "utf8"));
  expect(body, "If the change is meant, run: npm run openapi").toEqual(golden);
});

test("the server of the document is the base path", async () => {
  await using fixture = await ApiFixture.open({ api: { basePath: "/admin/jobs-api" } });
  const response = await fixture.raw("/openapi.json");
  expect(await response.json()).toMatchObject({ openapi: "3.1.1", servers: [{ url: "/admin/jobs-api" }] });
});

test("every reference of the document leads to a schema", () => {
  const { schemas } = document["components"] as { readonly schemas: object };
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)];
  expect(references.length).toBeGreaterThan(20);
  expect(references.filter(([, name = ""]) => !Object.hasOwn(schemas, name))).toEqual([]);
  expect(JSON.stringify(document)).not.toContain("$defs");
});

test("every operation has its own name, its path parameters, and the form of its refusals", () => {
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
  for (const { path, parameters = [], responses } of operations) {
    const given = parameters.filter((one) => one.in === "path");
    expect(given.map(({ name }) => `{${name}}`)).toEqual(path.match(/\{\w+\}/g) ?? []);
    expect(given.every(({ required }) => required)).toBe(true);
    expect(responses["default"]).toMatchObject({ content: { "application/problem+json": {} } });
  }
});
