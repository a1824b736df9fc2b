import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { providers } from "../../adapters/registry.ts";
import { configSchema } from "../../scripts/schema.ts";
import { blocks } from "./pages.ts";
import { root } from "./support.ts";

const read = (path: string): string => readFileSync(join(root, path), "utf8");

test("schema.json is what npm run schema writes", () => {
  expect(JSON.parse(read("schema.json"))).toEqual(configSchema());
});

test("schema.json is found at the path that the documentation gives", () => {
  const found = createRequire(join(root, "package.json")).resolve("queueport/schema.json");
  expect(found).toBe(join(root, "schema.json"));
  const [modeline = ""] = blocks(read("docs/cli.md"), "yaml");
  expect(modeline).toMatch(/^# yaml-language-server: \$schema=\.\/node_modules\/queueport\/schema\.json\n/);
  expect(parse(modeline)).toMatchObject({ provider: "memory" });
});

test("every provider has its definition, which knows the key worker, and refuses unknown keys", () => {
  const { definitions } = configSchema() as {
    readonly definitions: Readonly<
      Record<string, { readonly properties: object; readonly additionalProperties: boolean }>
    >;
  };
  for (const name of Object.keys(providers)) {
    expect(definitions[name]).toMatchObject({
      additionalProperties: false,
      properties: { provider: { const: name }, worker: {}, $schema: {}, backoff: {}, sendDeadlineMs: {} },
    });
  }
});
