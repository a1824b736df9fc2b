import { execFileSync } from "node:child_process";
import { existsSync, globSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const sources = [
  "src/**/*.ts",
  "adapters/**/*.ts",
  "cmd/**/*.ts",
  "servers/**/*.ts",
  "tsconfig*.json",
  "scripts/*.ts",
  "package.json",
];

/** Builds the package before its tests, unless dist is newer than every source. */
export default function build(): void {
  const built = `${root}/dist/chunks/core.js`;
  const builtAt = existsSync(built) ? statSync(built).mtimeMs : 0;
  const newest = Math.max(
    ...globSync(sources, { cwd: root }).map((file) => statSync(`${root}/${file}`).mtimeMs),
  );
  if (builtAt > newest) return;
  execFileSync("npm", ["run", "--silent", "build"], { cwd: root, stdio: "inherit" });
}
