import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const bench = fileURLToPath(new URL("..", import.meta.url));

/** Installs the packages that queueport is compared with, on first use. They are no dependencies of the project. */
export function installPeers(): void {
  if (existsSync(`${bench}node_modules/.package-lock.json`)) return;
  process.stderr.write("Installing the packages that queueport is compared with: npm ci --prefix bench\n");
  const { status } = spawnSync("npm", ["ci", "--prefix", bench, "--ignore-scripts"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (status !== 0)
    throw new Error(
      "The packages of the bench could not be installed. Run npm ci --prefix bench to see the reason.",
    );
}

/** Builds the package from the sources as they are now. */
export function build(): void {
  const { status } = spawnSync("npm", ["run", "--silent", "build"], { cwd: `${bench}..`, stdio: "inherit" });
  if (status !== 0) throw new Error("The package could not be built. Run npm run build.");
}
