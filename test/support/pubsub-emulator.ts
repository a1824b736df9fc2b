import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, realpath, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { lastingPort } from "./port.ts";

/** A running Pub/Sub emulator. */
export interface PubsubEmulator {
  /** `host:port`. */
  readonly host: string;
  /** Version of the emulator, for reports. */
  readonly version: string;
  /** Ends the emulator, if this process started it. */
  stop(): Promise<void>;
}

const run: typeof execFile.__promisify__ = promisify(execFile);
const SDK_ROOTS = ["/usr/lib/google-cloud-sdk", "/usr/share/google-cloud-sdk", "/opt/google-cloud-sdk"];
const READY_MS = 60_000;
/** More than one try, because the port may be taken during the seconds that the emulator needs to start. */
const STARTS = 3;
const { JAVA_HOME } = process.env;
const JAVA: string = JAVA_HOME === undefined ? "java" : join(JAVA_HOME, "bin", "java");

/**
 * Connects to the emulator that `QUEUEPORT_TEST_PUBSUB_EMULATOR_HOST` or `PUBSUB_EMULATOR_HOST` names. Without these
 * variables, starts one from `QUEUEPORT_PUBSUB_EMULATOR_JAR` or from the Google Cloud SDK.
 * @throws Error if there is no emulator, or if it does not start
 */
export async function pubsubEmulator(): Promise<PubsubEmulator> {
  const host = runningHost();
  if (host !== undefined) return { host, version: "(already running)", stop: async () => {} };
  const missing = await pubsubEmulatorMissing();
  if (missing !== undefined) throw new Error(missing);
  const jar = (await findJar()) as string;
  for (let starts = 1; ; starts += 1) {
    try {
      return await start(jar);
    } catch (error) {
      if (starts === STARTS) throw error;
    }
  }
}

/**
 * Explains why this machine has no emulator. `undefined` if it has one.
 * @throws Error if there is an emulator but no Java, because its cases must not be skipped
 */
export async function pubsubEmulatorMissing(): Promise<string | undefined> {
  if (runningHost() !== undefined) return undefined;
  const jar = await findJar();
  if (jar === undefined)
    return "There is no Pub/Sub emulator: gcloud components install pubsub-emulator (or apt-get install google-cloud-cli-pubsub-emulator), or set PUBSUB_EMULATOR_HOST.";
  if (!(await hasJava())) throw new Error(`There is no Java, which the Pub/Sub emulator needs: ${jar}`);
  return undefined;
}

/** Name of the suites that are skipped if there is no emulator. `ServerSkips` counts their cases. */
export const ON_EMULATOR = "on the Pub/Sub emulator";

function runningHost(): string | undefined {
  const { env } = process;
  return env["QUEUEPORT_TEST_PUBSUB_EMULATOR_HOST"] || env["PUBSUB_EMULATOR_HOST"] || undefined;
}

async function findJar(): Promise<string | undefined> {
  const given = process.env["QUEUEPORT_PUBSUB_EMULATOR_JAR"];
  if (given !== undefined && given !== "") return given;
  const gcloud = await onPath("gcloud");
  // The SDK's root is two folders above `gcloud`. Asking `gcloud` itself takes a second, so that comes last.
  const roots = gcloud === undefined ? SDK_ROOTS : [dirname(dirname(gcloud)), ...SDK_ROOTS];
  for (const root of roots) {
    const jar = await jarUnder(root);
    if (jar !== undefined) return jar;
  }
  return gcloud === undefined ? undefined : jarUnder(await sdkRoot(gcloud));
}

/** The file of a command, with symbolic links resolved. */
async function onPath(command: string): Promise<string | undefined> {
  for (const directory of (process.env["PATH"] ?? "").split(delimiter)) {
    const file = join(directory, command);
    if (existsSync(file)) return realpath(file);
  }
  return undefined;
}

async function jarUnder(root: string): Promise<string | undefined> {
  const lib = join(root, "platform", "pubsub-emulator", "lib");
  if (!existsSync(lib)) return undefined;
  const newest = (await readdir(lib))
    .filter((file) => file.startsWith("cloud-pubsub-emulator") && file.endsWith(".jar"))
    .toSorted()
    .at(-1);
  return newest === undefined ? undefined : join(lib, newest);
}

async function sdkRoot(gcloud: string): Promise<string> {
  const { stdout } = await run(gcloud, ["info", "--format=value(installation.sdk_root)"], {
    timeout: 60_000,
  });
  return stdout.trim();
}

async function hasJava(): Promise<boolean> {
  try {
    await run(JAVA, ["-version"], { timeout: 60_000 });
    return true;
  } catch {
    return false;
  }
}

async function start(jar: string): Promise<PubsubEmulator> {
  const port = await lastingPort();
  const dir = await mkdtemp(join(tmpdir(), "pubsub-emulator-"));
  const child = spawn(JAVA, ["-Xmx1g", "-jar", jar, "--host=127.0.0.1", `--port=${port}`], {
    cwd: dir,
    stdio: "ignore",
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const kill = (): void => {
    child.kill("SIGKILL");
  };
  // Ends the emulator also if the run is interrupted.
  process.once("exit", kill);
  const stop = async (): Promise<void> => {
    process.removeListener("exit", kill);
    kill();
    await ended;
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await listening(port, ended);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    host: `127.0.0.1:${port}`,
    version: /emulator-([\d.]+\d)/.exec(jar)?.[1] ?? "unknown",
    stop,
  };
}

async function listening(port: number, ended: Promise<void>): Promise<void> {
  let over = false;
  void ended.then(() => {
    over = true;
  });
  const until = Date.now() + READY_MS;
  while (Date.now() < until && !over) {
    if (await accepts(port)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`The Pub/Sub emulator did not start on port ${port}.`);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
