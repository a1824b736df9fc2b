import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFile, mkdtemp, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildApp } from "fauxqs";
import { createSqsServer } from "local-aws-sqs";
import type { SqsOptions } from "../../adapters/sqs/index.ts";
import { correctFauxqs } from "./fauxqs-corrections.ts";
import { lastingPort } from "./port.ts";

/** A running server with the SQS protocol. */
export interface SqsServer extends AsyncDisposable {
  /** Name and version, as tables show them. */
  readonly name: string;
  readonly endpoint: string;
  /** Kills the server and starts it again on the same port with the same messages. Only if it keeps them on disk. */
  restart?(): Promise<void>;
  close(): Promise<void>;
}

/** Environment variable with the endpoint of a running server, which the tests use instead of their own. */
const EXTERNAL = "QUEUEPORT_TEST_SQS_ENDPOINT";

/** Explains why no proxy can be put in front of the server. `undefined` if the server speaks plain HTTP. */
export function sqsProxyMissing(): string | undefined {
  const endpoint = process.env[EXTERNAL] ?? "";
  return endpoint.startsWith("https:")
    ? `${EXTERNAL} is ${endpoint}, and a proxy cannot read HTTPS.`
    : undefined;
}

/** Client options for a server. Local servers accept any key. SQS itself uses the credentials of the environment. */
export function clientOptions({ endpoint }: { readonly endpoint: string }): SqsOptions {
  const isService = new URL(endpoint).hostname.endsWith(".amazonaws.com");
  if (isService) return { endpoint };
  return { endpoint, region: "eu-west-1", credentials: { accessKeyId: "test", secretAccessKey: "test" } };
}

/** Connects to the server that the environment names, or starts one that keeps its messages on disk. */
export async function startSqsServer(): Promise<SqsServer> {
  const endpoint = process.env[EXTERNAL];
  if (endpoint === undefined || endpoint === "") return DurableServer.start();
  const close = async (): Promise<void> => {};
  return { name: new URL(endpoint).host, endpoint, close, [Symbol.asyncDispose]: close };
}

/** Starts fauxqs in this process: fast to start, and without messages on disk. */
export async function startFauxqsHere(): Promise<SqsServer> {
  await correctFauxqs();
  const app = buildApp({ logger: false });
  const endpoint = await app.listen({ port: 0, host: "127.0.0.1" });
  const close = async (): Promise<void> => app.close();
  return { name: await nameOf("fauxqs"), endpoint, close, [Symbol.asyncDispose]: close };
}

/** Starts local-aws-sqs, an independent implementation, as a second opinion. */
export async function startLocalAwsSqs(): Promise<SqsServer> {
  const server = await createSqsServer({
    port: 0,
    hostname: "127.0.0.1",
    emulateQueueCreationLifecycle: false,
  });
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  };
  const name = await nameOf("local-aws-sqs");
  return { name, endpoint: `http://127.0.0.1:${port}`, close, [Symbol.asyncDispose]: close };
}

/** fauxqs in a process of its own, with its messages on disk. */
class DurableServer implements SqsServer {
  readonly name: string;
  readonly #directory: string;
  #child: ChildProcess | undefined;
  #port = 0;

  private constructor(name: string, directory: string) {
    this.name = name;
    this.#directory = directory;
  }

  static async start(): Promise<DurableServer> {
    const directory = await mkdtemp(join(tmpdir(), "queueport-sqs-"));
    const server = new DurableServer(await nameOf("fauxqs"), directory);
    await server.#start();
    return server;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async restart(): Promise<void> {
    await this.#kill();
    await this.#start();
  }

  async close(): Promise<void> {
    await this.#kill();
    await rm(this.#directory, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #start(): Promise<void> {
    // The same port is used again after a kill.
    if (this.#port === 0) this.#port = await lastingPort();
    const script = new URL("./fauxqs-child.ts", import.meta.url);
    const child = fork(script, [String(this.#port), this.#directory], { execArgv: [], stdio: "ignore" });
    this.#child = child;
    const exited = once(child, "exit").then(() => {
      throw new Error("The server ended before it could be reached.");
    });
    const [{ port }] = (await Promise.race([once(child, "message"), exited])) as [{ port: number }];
    exited.catch(() => {});
    this.#port = port;
  }

  async #kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  }
}

async function nameOf(packageName: string): Promise<string> {
  const manifest = new URL(`../../node_modules/${packageName}/package.json`, import.meta.url);
  const { version } = JSON.parse(await readFile(manifest, "utf8")) as { version: string };
  return `${packageName} ${version}`;
}
