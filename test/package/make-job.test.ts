import { readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { application, root, runNode } from "./support.ts";

const queueport = join(root, "dist/cmd/main.js");
const tsc = join(root, "node_modules/typescript/bin/tsc");
const strict = {
  compilerOptions: {
    target: "es2024",
    module: "nodenext",
    types: ["node"],
    strict: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noImplicitOverride: true,
    noUnusedLocals: true,
    noUnusedParameters: true,
    noPropertyAccessFromIndexSignature: true,
    verbatimModuleSyntax: true,
    erasableSyntaxOnly: true,
    isolatedModules: true,
  },
};

test.each(["ProcessPaymentJob", "email", "Delete", "Queue"])(
  "make:job %s writes a job that compiles strictly, and a test that passes",
  async (name) => {
    const kebab = name === "ProcessPaymentJob" ? "process-payment" : name.toLowerCase();
    using app = application("zod", "@types/node");
    const { path: cwd } = app;
    writeFileSync(join(cwd, "package.json"), `{ "type": "module" }`);
    writeFileSync(join(cwd, "tsconfig.json"), JSON.stringify(strict));
    symlinkSync(join(root, "node_modules/undici-types"), join(cwd, "node_modules/undici-types"), "dir");

    const made = await runNode([queueport, "make:job", name], { cwd });
    expect({ code: made.code, stderr: made.stderr }).toEqual({ code: 0, stderr: "" });
    const files = readdirSync(join(cwd, "jobs"));
    expect(files.toSorted()).toEqual(["handler", "job", "test"].map((part) => `${kebab}.${part}.ts`));

    const compiled = await runNode([tsc, "-p", cwd], { cwd });
    expect(compiled).toMatchObject({ code: 0, stdout: "" });
    const tested = await runNode(
      ["--test", ...files.filter((file) => file.includes(".test.")).map((file) => join("jobs", file))],
      { cwd },
    );
    expect(tested.stdout).toMatch(/pass 2\n/);
    expect(tested.code).toBe(0);

    const handlers = `jobs/${files.find((file) => file.includes(".handler."))}`;
    const listed = await runNode([queueport, "jobs", "--handlers", handlers, "--json"], { cwd });
    expect(JSON.parse(listed.stdout)).toMatchObject([
      { type: kebab.replace("-", "_"), schema: "zod", maxAttempts: 3, timeoutMs: 60_000 },
    ]);
  },
);
