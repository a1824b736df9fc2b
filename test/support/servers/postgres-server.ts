import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { lastingPort } from "../port.ts";
import { accountOf, embeddedBinaries } from "./embedded-postgres.ts";
import type { PrivateServer } from "./test-server.ts";

const START_MS = 60_000;
/**
 * Settings of a private server: small, and with the guarantees of a real one. The cases of the conformance suite that run at
 * the same time have more connections than the 100 of a server that nobody has configured.
 */
const SETTINGS = ["max_connections=400", "shared_buffers=32MB", "max_wal_size=256MB"];

/**
 * Returns the name and the version of the server at an address.
 * @throws Error if it does not answer, or the user may not create databases
 */
export async function probePostgres(url: string): Promise<string> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on("error", () => {});
  try {
    await client.connect();
    const { rows } = await client.query(
      "SELECT current_setting('server_version') AS version, rolcreatedb OR rolsuper AS may FROM pg_roles WHERE rolname = current_user",
    );
    if (rows[0].may !== true) throw new Error("The user may not create databases.");
    return `PostgreSQL ${String(rows[0].version).split(" ", 1)[0]}`;
  } finally {
    await client.end().catch(() => {});
  }
}

/** Starts a private server from the package embedded-postgres. Undefined if the package has none for this platform. */
export async function embeddedPostgres(): Promise<PrivatePostgres | undefined> {
  const binaries = await embeddedBinaries();
  return binaries === undefined ? undefined : PrivatePostgres.start(binaries);
}

/** A Postgres server of this process, with a data directory of its own, on a port of its own. */
export class PrivatePostgres implements PrivateServer {
  readonly port: number;
  readonly directory: string;
  readonly #bin: string;
  readonly #account: { readonly uid: number; readonly gid: number } | undefined;
  readonly #onExit = (): void => void this.#child?.kill("SIGKILL");
  #child: ChildProcess | undefined;
  #version = "";

  private constructor(bin: string, directory: string, port: number) {
    this.#bin = bin;
    this.directory = directory;
    this.port = port;
    this.#account = accountOf();
    process.once("exit", this.#onExit);
  }

  /**
   * @param bin the folder of `initdb` and `postgres`
   * @param parent the folder in which the data directory is created
   */
  static async start(bin: string, parent: string = tmpdir()): Promise<PrivatePostgres> {
    const directory = await mkdtemp(join(parent, "queueport-postgres-"));
    const server = new PrivatePostgres(bin, directory, await lastingPort());
    await server.#initialize();
    await server.start();
    return server;
  }

  get url(): string {
    return `postgres://postgres@127.0.0.1:${this.port}/postgres`;
  }

  get name(): string {
    return this.#version;
  }

  async start(): Promise<void> {
    if (this.#child !== undefined) return;
    const until = Date.now() + START_MS;
    // A process of a killed server may live for a moment, and the new one refuses to start beside it.
    for (let log = await this.#run(until); log !== undefined; log = await this.#run(until)) {
      if (Date.now() > until || !log.includes("shared memory"))
        throw new Error(`The private Postgres did not start: ${log}`);
    }
  }

  /** Runs the program until it accepts connections. Returns its log if it ended instead. */
  async #run(until: number): Promise<string | undefined> {
    const settings = [...SETTINGS, `unix_socket_directories=${this.directory}`, "listen_addresses=127.0.0.1"];
    const flags = settings.flatMap((setting) => ["-c", setting]);
    const child = spawn(
      join(this.#bin, "postgres"),
      ["-D", join(this.directory, "data"), "-p", String(this.port), ...flags],
      { ...this.#account, cwd: this.directory, stdio: ["ignore", "ignore", "pipe"] },
    );
    let log = "";
    child.stderr?.on("data", (chunk: Buffer) => {
      log = (log + chunk.toString()).slice(-4_000);
    });
    this.#child = child;
    while (child.exitCode === null && Date.now() < until) {
      try {
        this.#version = await probePostgres(this.url);
        return undefined;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
    await this.kill();
    return log;
  }

  /** Kills the server. Its other processes end by themselves. The next start replays the log of writes. */
  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  /** Ends the server as `pg_ctl stop -m immediate` does: without a checkpoint, and with an error to each client. */
  stopImmediately(): Promise<void> {
    return this.#end("SIGQUIT");
  }

  async close(): Promise<void> {
    process.removeListener("exit", this.#onExit);
    await this.stopImmediately();
    await rm(this.directory, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #end(signal: "SIGKILL" | "SIGQUIT"): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  }

  async #initialize(): Promise<void> {
    const { uid, gid } = this.#account ?? {};
    await chmod(this.directory, 0o755);
    if (uid !== undefined && gid !== undefined) await chown(this.directory, uid, gid);
    const flags = ["-U", "postgres", "-A", "trust", "-N", "-E", "UTF8", "--locale=C"];
    const { status, stderr } = spawnSync(
      join(this.#bin, "initdb"),
      ["-D", join(this.directory, "data"), ...flags],
      { ...this.#account, cwd: this.directory, encoding: "utf8" },
    );
    if (status !== 0) throw new Error(`initdb failed: ${stderr}`);
  }
}
