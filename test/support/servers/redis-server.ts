import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@redis/client";
import { lastingPort } from "../port.ts";
import type { PrivateServer } from "./test-server.ts";

const PROGRAM = "redis-server";
const START_MS = 30_000;

/** The options of {@link PrivateRedis.start}. */
export interface PrivateRedisOptions {
  /** Further settings of the server, such as `["--maxmemory", "8mb"]`. */
  readonly settings?: readonly string[];
  /** The password of the server. @default none */
  readonly password?: string;
}

/**
 * Returns the name and the version of the server at an address.
 * @throws Error if it does not answer, or takes no writes
 */
export async function probeRedis(url: string): Promise<string> {
  const client = createClient({ url, RESP: 2, socket: { connectTimeout: 5_000, reconnectStrategy: false } });
  client.on("error", () => {});
  try {
    await client.connect();
    const info = await client.sendCommand<string>(["INFO"]);
    if (info.includes("loading:1")) throw new Error("The server is loading its data.");
    if (info.includes("role:slave")) throw new Error("The server is a replica.");
    const valkey = /valkey_version:(\S+)/.exec(info)?.[1];
    return valkey === undefined ? `Redis ${/redis_version:(\S+)/.exec(info)?.[1]}` : `Valkey ${valkey}`;
  } finally {
    client.destroy();
  }
}

/** Whether a private server can be started on this machine. */
export function hasRedisProgram(): boolean {
  return spawnSync(PROGRAM, ["--version"]).status === 0;
}

/** Starts a private server from the program on PATH. Undefined if there is none. */
export async function privateRedis(options?: PrivateRedisOptions): Promise<PrivateRedis | undefined> {
  return hasRedisProgram() ? PrivateRedis.start(options) : undefined;
}

/** A Redis server of this process, on a port of its own, which keeps its data in an append-only file. */
export class PrivateRedis implements PrivateServer {
  readonly port: number;
  readonly directory: string;
  readonly #options: PrivateRedisOptions;
  readonly #onExit = (): void => void this.#child?.kill("SIGKILL");
  #child: ChildProcess | undefined;
  #version = "";

  private constructor(directory: string, port: number, options: PrivateRedisOptions) {
    this.directory = directory;
    this.port = port;
    this.#options = options;
    process.once("exit", this.#onExit);
  }

  static async start(options: PrivateRedisOptions = {}): Promise<PrivateRedis> {
    const directory = await mkdtemp(join(tmpdir(), "queueport-redis-"));
    const server = new PrivateRedis(directory, await lastingPort(), options);
    await server.start();
    return server;
  }

  get url(): string {
    const { password } = this.#options;
    return `redis://${password === undefined ? "" : `:${password}@`}127.0.0.1:${this.port}`;
  }

  get name(): string {
    return this.#version;
  }

  async start(): Promise<void> {
    if (this.#child !== undefined) return;
    const { settings = [], password } = this.#options;
    const flags = [
      `--port ${this.port} --bind 127.0.0.1 --dir ${this.directory} --appendonly yes --appendfsync always`.split(
        " ",
      ),
      ["--save", ""],
      password === undefined ? [] : ["--requirepass", password],
    ].flat();
    const child = spawn(PROGRAM, [...flags, ...settings], { stdio: ["ignore", "pipe", "ignore"] });
    let log = "";
    child.stdout.on("data", (chunk: Buffer) => {
      log = (log + chunk.toString()).slice(-4_000);
    });
    this.#child = child;
    const until = Date.now() + START_MS;
    while (child.exitCode === null && Date.now() < until) {
      try {
        this.#version = await this.#probe();
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    await this.kill();
    throw new Error(`The private Redis did not start: ${log}`);
  }

  /** Kills the server. The next start reads the append-only file. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  }

  /** Stops the process without ending it: its sockets stay open and silent. */
  freeze(): void {
    this.#child?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#child?.kill("SIGCONT");
  }

  async close(): Promise<void> {
    process.removeListener("exit", this.#onExit);
    await this.kill();
    await rm(this.directory, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #probe(): Promise<string> {
    try {
      return await probeRedis(this.url);
    } catch (error) {
      // A server that a test makes a replica, or a node of a cluster without slots, has started as well.
      if (error instanceof Error && error.message.includes("replica")) return "Redis, as a replica";
      throw error;
    }
  }
}
