import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, realpath, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { lastingPort } from "./port.ts";

/** A Pub/Sub emulator for one test run. */
export interface PubsubEmulator {
  /** `host:port`. */
  readonly host: string;
  /** What it is, for reports. */
  readonly version: string;
  /** Ends it, where it was started here. */
  stop(): Promise<void>;
}

const run: typeof execFile.__promisify__ = promisify(execFile);
const SDK_ROOTS = ["/usr/lib/google-cloud-sdk", "/usr/share/google-cloud-sdk", "/opt/google-cloud-sdk"];
const READY_MS = 60_000;
/** A port that was free may be taken before the emulator has come to it, which is seconds later. */
const STARTS = 3;
const { JAVA_HOME } = process.env;
const JAVA: string = JAVA_HOME === undefined ? "java" : join(JAVA_HOME, "bin", "java");

/**
 * The emulator that QUEUEPORT_TEST_PUBSUB_EMULATOR_HOST or PUBSUB_EMULATOR_HOST names; else one that is started for
 * this run, from QUEUEPORT_PUBSUB_EMULATOR_JAR or from the Google Cloud SDK.
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
 * Why there is no emulator here; undefined where there is one.
 * @throws where there is one that does not run: what it would show must not be skipped
 */
export async function pubsubEmulatorMissing(): Promise<string | undefined> {
  if (runningHost() !== undefined) return undefined;
  const jar = await findJar();
  if (jar === undefined)
    return "There is no Pub/Sub emulator: gcloud components install pubsub-emulator (or apt-get install google-cloud-cli-pubsub-emulator), or set PUBSUB_EMULATOR_HOST.";
  if (!(await hasJava())) throw new Error(`There is no Java, which the Pub/Sub emulator needs: ${jar}`);
  return undefined;
}

/** The suite whose cases are skipped where there is no emulator; {@link EmulatorSkips} counts them. */
export const ON_EMULATOR = "on the Pub/Sub emulator";

function runningHost(): string | undefined {
  const { env } = process;
  return env["QUEUEPORT_TEST_PUBSUB_EMULATOR_HOST"] || env["PUBSUB_EMULATOR_HOST"] || undefined;
}

async function findJar(): Promise<string | undefined> {
  const given = process.env["QUEUEPORT_PUBSUB_EMULATOR_JAR"];
  if (given !== undefined && given !== "") return given;
  const gcloud = await onPath("gcloud");
  // It lies in the SDK's bin; to ask it takes a second.
  const roots = gcloud === undefined ? SDK_ROOTS : [dirname(dirname(gcloud)), ...SDK_ROOTS];
  for (const root of roots) {
    const jar = await jarUnder(root);
    if (jar !== undefined) return jar;
  }
  return gcloud === undefined ? undefined : jarUnder(await sdkRoot(gcloud));
}

/** The file that a command stands for, links followed. */
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
  // A run that is cut short must not leave it behind.
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
  throw new Error(`The Pub/Sub emulator did not come up on port ${port}.`);
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
