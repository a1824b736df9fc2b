import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type {
  ManagementOperation,
  QueueDefinition,
  ServiceBusServerOptions,
  ServiceBusServerStats,
} from "../../servers/service-bus/index.ts";
import { lastingPort } from "./port.ts";
import type { Answer, Call } from "./service-bus-process.ts";

const PROCESS = fileURLToPath(new URL("service-bus-process.ts", import.meta.url));

/** The local Service Bus server in a child process, which tests can kill and restart. */
export class ServiceBusProcess {
  readonly #options: ServiceBusServerOptions;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #child: ChildProcess | undefined;
  #calls = 0;
  #port = 0;
  #connectionString = "";

  private constructor(options: ServiceBusServerOptions) {
    this.#options = options;
  }

  static async start(options: ServiceBusServerOptions = {}): Promise<ServiceBusProcess> {
    const server = new ServiceBusProcess(options);
    await server.start();
    return server;
  }

  get connectionString(): string {
    return this.#connectionString;
  }

  get port(): number {
    return this.#port;
  }

  /** Starts the server process. After {@link kill}, it uses the same port as before. */
  async start(): Promise<void> {
    const child = fork(PROCESS, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    child.on("message", (answer: Answer) => this.#answered(answer));
    child.once("exit", () => this.#ended());
    this.#child = child;
    // A port outside the range for outgoing connections, so that it is free again after a kill.
    if (this.#port === 0) this.#port = this.#options.port ?? (await lastingPort());
    const options = { ...this.#options, port: this.#port };
    const started = (await this.#call("start", options)) as { port: number; connectionString: string };
    this.#port = started.port;
    this.#connectionString = started.connectionString;
  }

  /** Kills the process with SIGKILL. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  createQueue(queue: string | QueueDefinition): Promise<unknown> {
    return this.#call("createQueue", queue);
  }

  deleteQueue(name: string): Promise<unknown> {
    return this.#call("deleteQueue", name);
  }

  async stats(): Promise<ServiceBusServerStats> {
    return (await this.#call("stats")) as ServiceBusServerStats;
  }

  resetStats(): Promise<unknown> {
    return this.#call("resetStats");
  }

  async cutConnections(): Promise<void> {
    await this.#call("cutConnections");
  }

  async detachLinks(queue?: string): Promise<number> {
    return (await this.#call("detachLinks", queue)) as number;
  }

  stall(stalled: boolean): Promise<unknown> {
    return this.#call("stall", stalled);
  }

  failSends(queue: string, count: number): Promise<unknown> {
    return this.#call("failSends", queue, count);
  }

  failSettlements(queue: string, count: number): Promise<unknown> {
    return this.#call("failSettlements", queue, count);
  }

  async failedSettlements(): Promise<number> {
    return (await this.#call("failedSettlements")) as number;
  }

  dropSendAnswers(queue: string, count: number): Promise<unknown> {
    return this.#call("dropSendAnswers", queue, count);
  }

  failRequests(queue: string, operation: ManagementOperation, count: number): Promise<unknown> {
    return this.#call("failRequests", queue, operation, count);
  }

  dropRequestAnswers(queue: string, operation: ManagementOperation, count: number): Promise<unknown> {
    return this.#call("dropRequestAnswers", queue, operation, count);
  }

  dropSettlementAnswers(queue: string, count: number): Promise<unknown> {
    return this.#call("dropSettlementAnswers", queue, count);
  }

  #call(method: string, ...args: unknown[]): Promise<unknown> {
    const id = (this.#calls += 1);
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    const call: Call = { id, method, args };
    if (this.#child === undefined) waiting.reject(new Error("The server is not running."));
    else this.#child.send(call, (error) => error !== null && waiting.reject(error));
    return waiting.promise;
  }

  /** Rejects the calls that the process has not answered. */
  #ended(): void {
    for (const waiting of this.#waiting.values()) waiting.reject(new Error("The server has ended."));
    this.#waiting.clear();
  }

  #answered({ id, result, error }: Answer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(error));
  }
}
