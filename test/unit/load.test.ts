import { registerHooks } from "node:module";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { load } from "../../adapters/load.ts";
import { Monitoring } from "../../adapters/pubsub/monitoring.ts";

const packages = ["@scope/sdk@^3", "other"];

/** The error with which `load` rejects if the import of the adapter fails with `cause`. */
function failure(cause: unknown): Promise<unknown> {
  return load("cloud", packages, () => Promise.reject(cause)).then(
    () => expect.unreachable(),
    (error: unknown) => error,
  );
}

describe("load", () => {
  test("the module is returned if it loads", async () => {
    await expect(load("cloud", packages, () => Promise.resolve({ cloud: 1 }))).resolves.toEqual({ cloud: 1 });
  });

  test.each([
    ["Node", "Cannot find package '@scope/sdk' imported from /app/node_modules/queueport/dist/chunks/x.js"],
    ["require of Node", "Cannot find module '@scope/sdk'\nRequire stack:\n- /app/main.cjs"],
    ["Bun 1.0", 'Cannot find package "@scope/sdk" from "/app/main.js"'],
    ["Deno, for a package", "Could not find package '@scope/sdk' from referrer 'file:///app/x.js'."],
    ["Deno 1", "[ERR_MODULE_NOT_FOUND] Cannot find package '@scope/sdk' imported from 'file:///app/x.js'"],
    ["Deno, for the application", 'Import "@scope/sdk" not a dependency\n    at file:///app/x.js:1:1'],
    ["jest", "Cannot find module '@scope/sdk' from 'node_modules/queueport/dist/chunks/x.js'"],
    ["webpack", "Cannot find module '@scope/sdk'"],
    ["a bundle of Vite", 'Could not resolve "@scope/sdk" imported by "queueport". Is it installed?'],
    ["Vite in development", 'Failed to resolve import "@scope/sdk" from "src/x.ts". Does the file exist?'],
    ["vite-node", "Failed to load url @scope/sdk (resolved id: @scope/sdk). Does the file exist?"],
    [
      "Yarn, for a package",
      "queueport tried to access @scope/sdk (a peer dependency) but it isn't provided by your application; this makes the require call ambiguous and unsound.\n\nRequired package: @scope/sdk\n",
    ],
    [
      "Yarn, for the application",
      "Your application tried to access @scope/sdk, but it isn't declared in your dependencies; this makes the require call ambiguous and unsound.",
    ],
    ["a bundle of esbuild", 'Dynamic require of "@scope/sdk" is not supported'],
    [
      "a bundle of Rolldown",
      'Calling `require` for "@scope/sdk" in an environment that doesn\'t expose the `require` function.',
    ],
    [
      "a bundle of Rollup",
      'Could not dynamically require "@scope/sdk". Please configure the dynamicRequireTargets or/and ignoreDynamicRequires option of @rollup/plugin-commonjs appropriately for this require call to work.',
    ],
  ])(
    "the error of a missing package names it and the command that installs it, in the words of %s",
    async (_, message) => {
      const cause = new Error(message);
      await expect(failure(cause)).resolves.toMatchObject({
        code: "missing_dependency",
        message:
          'The provider "cloud" needs the package @scope/sdk, which is not installed. Install it: npm install @scope/sdk@^3 other',
        cause,
      });
    },
  );

  test("an error of another realm, as jest throws it, is recognised", async () => {
    const cause: unknown = runInNewContext(`new Error("Cannot find module 'other' from 'x.js'")`);
    expect(cause).not.toBeInstanceOf(Error);
    await expect(failure(cause)).resolves.toMatchObject({ code: "missing_dependency", cause });
  });

  test.each([
    ["a package of somebody else", new Error("Cannot find package 'unrelated' imported from /app/x.js")],
    [
      "a dependency of a package that is installed",
      new Error('Could not resolve "unrelated" imported by "@scope/sdk". Is it installed?'),
    ],
    [
      "a file of a package that is installed",
      new Error("Cannot find module '/app/node_modules/@scope/sdk/main.js' imported from /app/x.js"),
    ],
    ["a sub-path of a package that is installed", new Error("Cannot find module '@scope/sdk/main.js'")],
    ["a module of Node in a bundle", new Error('Dynamic require of "node:https" is not supported')],
    ["another failure of a package", new Error('"@scope/sdk" needs Node 30')],
    ["a value without a message", undefined],
    ["a text", "Cannot find module 'other'"],
  ])("a failure is passed on if it is %s", async (_, cause) => {
    expect(await failure(cause)).toBe(cause);
  });
});

describe("the counts of Pub/Sub", () => {
  test.each([
    ["ERR_MODULE_NOT_FOUND", "Cannot find package '@google-cloud/monitoring' imported from /app/x.js"],
    ["MODULE_NOT_FOUND", "Cannot find module '@google-cloud/monitoring'"],
    [undefined, 'Could not resolve "@google-cloud/monitoring" imported by "queueport". Is it installed?'],
  ])("the error of a missing package names it, with the code %s", async (code, message) => {
    const hooks = registerHooks({
      resolve(specifier, context, next) {
        // vitest imports the file of the package.
        if (specifier.includes("@google-cloud/monitoring")) throw Object.assign(new Error(message), { code });
        return next(specifier, context);
      },
    });
    try {
      await expect(
        new Monitoring({ projectId: "p" }, undefined).backlog("projects/p/subscriptions/emails", 0),
      ).rejects.toMatchObject({
        code: "missing_dependency",
        message: expect.stringContaining("npm install @google-cloud/monitoring"),
      });
    } finally {
      hooks.deregister();
    }
  });
});
