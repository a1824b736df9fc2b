import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const bench = fileURLToPath(new URL("..", import.meta.url));

/** What queueport is compared with is installed beside the bench on first use, and is no dependency of the project. */
export function installPeers(): void {
  if (existsSync(`${bench}node_modules/.package-lock.json`)) return;
  process.stderr.write("Installing what queueport is compared with: npm ci --prefix bench\n");
  const { status } = spawnSync("npm", ["ci", "--prefix", bench, "--ignore-scripts"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (status !== 0)
    throw new Error("It could not be installed. Run npm ci --prefix bench, and read what it says.");
}

/** What is published, as it is now. */
export function build(): void {
  const { status } = spawnSync("npm", ["run", "--silent", "build"], { cwd: `${bench}..`, stdio: "inherit" });
  if (status !== 0) throw new Error("The package could not be built. Run npm run build.");
}
