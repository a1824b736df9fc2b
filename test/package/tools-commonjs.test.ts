import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Application, application, manifest, root, runNode } from "./support.ts";

/** An application whose files are CommonJS. */
let app: Application;

beforeAll(() => {
  app = application("@types/node", ...Object.keys(manifest.peerDependencies));
  writeFileSync(join(app.path, "package.json"), `{ "type": "commonjs" }`);
});

afterAll(() => {
  app[Symbol.dispose]();
});

const subPaths = Object.keys(manifest.exports).map((path) => path.replace(".", "queueport"));

describe("a CommonJS application", () => {
  test("can require every sub-path, without a warning", async () => {
    const source = `for (const path of ${JSON.stringify(subPaths)}) console.log(Object.keys(require(path)).length > 0);`;
    const { stdout, stderr } = await runNode(["-e", source], { cwd: app.path });
    expect(stderr).toBe("");
    expect(stdout).toBe("true\n".repeat(subPaths.length));
  });

  test.each([
    ["nodenext", "nodenext"],
    ["commonjs", "bundler"],
  ])(
    "runs after TypeScript compiled it with module %s and moduleResolution %s",
    async (module, moduleResolution) => {
      writeFileSync(
        join(app.path, "main.ts"),
        `import { openQueue, QueueError, Worker } from "queueport";
         import { createQueue } from "queueport";
         import { memory } from "queueport/memory";
         async function main(): Promise<void> {
           const queue = createQueue(memory());
           const { promise: greeted, resolve } = Promise.withResolvers<string>();
           const worker = new Worker(queue);
           worker.register<{ name: string }>("welcome", ({ payload }) => resolve(payload.name));
           await worker.start("emails");
           await queue.send("emails", { type: "welcome", payload: { name: "Ada" } });
           console.log("Hello, " + (await greeted) + "!");
           await worker.stop();
           await queue.close();
           await openQueue({ provider: "memory", capacity: -1 }).catch((error: unknown) =>
             console.log(error instanceof QueueError && error.code));
         }
         void main();`,
      );
      const compilerOptions = {
        module,
        moduleResolution,
        target: "es2024",
        lib: ["esnext"],
        types: ["node"],
        strict: true,
        outDir: "out",
      };
      writeFileSync(
        join(app.path, "tsconfig.json"),
        JSON.stringify({ compilerOptions, include: ["main.ts"] }),
      );
      const compiled = await runNode([join(root, "node_modules/typescript/bin/tsc"), "-p", app.path]);
      expect(compiled).toEqual({ code: 0, stdout: "", stderr: "" });
      const ran = await runNode(["out/main.js"], { cwd: app.path });
      expect(ran).toEqual({ code: 0, stdout: "Hello, Ada!\nconfig\n", stderr: "" });
    },
  );
});
