import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lastingPort } from "../port.ts";
import { accountOf } from "./embedded-postgres.ts";
import { probePostgres } from "./postgres-server.ts";

/** The program: `QUEUEPORT_PGBOUNCER`, or the one on the path. Undefined if there is none. */
export function pgbouncerProgram(): string | undefined {
  for (const program of [process.env["QUEUEPORT_PGBOUNCER"], "pgbouncer", "/usr/sbin/pgbouncer"]) {
    if (program === undefined || program === "") continue;
    if (spawnSync(program, ["--version"]).status === 0) return program;
  }
  return undefined;
}

/** PgBouncer before a server, in its mode `transaction`: each transaction gets any of a few connections. */
export class Pgbouncer implements AsyncDisposable {
  readonly port: number;
  readonly #directory: string;
  readonly #child: ChildProcess;

  private constructor(port: number, directory: string, child: ChildProcess) {
    this.port = port;
    this.#directory = directory;
    this.#child = child;
  }

  /** @param databaseUrl the database behind it, which is trusted to its user */
  static async start(program: string, databaseUrl: string): Promise<Pgbouncer> {
    const { hostname, port: serverPort, username, pathname } = new URL(databaseUrl);
    const [port, directory] = [await lastingPort(), await mkdtemp(join(tmpdir(), "queueport-pgbouncer-"))];
    const config = join(directory, "pgbouncer.ini");
    const database = pathname.slice(1);
    await writeFile(join(directory, "users"), `"${username}" ""\n`);
    await writeFile(
      config,
      `[databases]
${database} = host=${hostname} port=${serverPort || 5432} dbname=${database} user=${username}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
auth_file = ${join(directory, "users")}
pool_mode = transaction
default_pool_size = 4
`,
    );
    const account = accountOf();
    await chmod(directory, 0o755);
    if (account !== undefined) await chown(directory, account.uid, account.gid);
    const child = spawn(program, ["-q", config], { ...account, cwd: directory, stdio: "ignore" });
    const bouncer = new Pgbouncer(port, directory, child);
    for (let tries = 0; ; tries += 1) {
      try {
        await probePostgres(bouncer.urlOf(databaseUrl));
        return bouncer;
      } catch (cause) {
        if (tries > 100 || child.exitCode !== null) {
          await bouncer[Symbol.asyncDispose]();
          throw new Error("PgBouncer did not start.", { cause });
        }
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  /** The URL of a database by way of PgBouncer. */
  urlOf(databaseUrl: string): string {
    const url = new URL(databaseUrl);
    url.hostname = "127.0.0.1";
    url.port = String(this.port);
    return url.href;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exited = once(this.#child, "exit");
      this.#child.kill("SIGKILL");
      await exited;
    }
    await rm(this.#directory, { recursive: true, force: true });
  }
}
