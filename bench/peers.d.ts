/**
 * Types of the packages that the bench compares with, as far as it uses them. The packages are installed by the first
 * run, and the type check has to work before that.
 */
declare module "sqs-consumer" {
  import type { Message, SQSClient } from "@aws-sdk/client-sqs";

  interface ConsumerOptions {
    readonly queueUrl: string;
    readonly sqs: SQSClient;
    readonly batchSize: number;
    readonly waitTimeSeconds: number;
    readonly handleMessage?: (message: Message) => Promise<Message | undefined>;
    readonly handleMessageBatch?: (messages: Message[]) => Promise<Message[] | undefined>;
  }

  export const Consumer: { create(options: ConsumerOptions): { start(): void } };
}

declare module "p-queue" {
  export default class PQueue {
    constructor(options: { readonly concurrency: number });
    add(run: () => Promise<void>): Promise<void>;
  }
}

declare module "fastq" {
  const fastq: {
    promise<Task, Result>(
      worker: (task: Task) => Promise<Result>,
      concurrency: number,
    ): { push(task: Task): Promise<Result> };
  };
  export default fastq;
}

declare module "bullmq" {
  interface ConnectionOptions {
    readonly host: string;
    readonly port: number;
    readonly maxRetriesPerRequest: null;
  }

  export class Queue {
    constructor(name: string, options: { readonly connection: ConnectionOptions });
    add(name: string, data: object, options: { readonly removeOnComplete: boolean }): Promise<unknown>;
    addBulk(
      jobs: readonly {
        readonly name: string;
        readonly data: object;
        readonly opts: { readonly removeOnComplete: boolean };
      }[],
    ): Promise<unknown>;
    obliterate(options: { readonly force: boolean }): Promise<void>;
  }

  export class Worker {
    constructor(
      name: string,
      run: () => Promise<void>,
      options: { readonly connection: ConnectionOptions; readonly concurrency: number },
    );
    on(event: "error", listener: (error: Error) => void): this;
  }
}

declare module "bee-queue" {
  interface Job {
    save(): Promise<Job>;
  }

  export default class Queue {
    constructor(
      name: string,
      settings: {
        readonly redis: { readonly host: string; readonly port: number };
        readonly removeOnSuccess: boolean;
        readonly storeJobs: boolean;
      },
    );
    createJob(data: object): Job;
    saveAll(jobs: readonly Job[]): Promise<unknown>;
    process(concurrency: number, run: () => Promise<void>): void;
  }
}

declare module "better-sqlite3" {
  export default class Database {
    constructor(path: string);
    pragma(text: string): unknown;
  }
}

declare module "plainjob" {
  import type Database from "better-sqlite3";

  interface Connection {
    pragma(text: string): unknown;
  }
  interface Logger {
    error(text: string): void;
    warn(text: string): void;
    info(text: string): void;
    debug(text: string): void;
  }
  interface Queue {
    add(type: string, data: object): unknown;
    addMany(type: string, data: readonly object[]): unknown;
  }

  export function better(database: Database): Connection;
  export function defineQueue(options: { readonly connection: Connection; readonly logger: Logger }): Queue;
  export function defineWorker(
    type: string,
    run: () => Promise<void>,
    options: { readonly queue: Queue; readonly logger: Logger; readonly pollIntervall?: number },
  ): { start(): Promise<void> };
}

declare module "liteque" {
  type Client = unknown;

  export function buildDBClient(path: string, options: { readonly runMigrations: boolean }): Client;
  export class SqliteQueue<Payload> {
    constructor(
      name: string,
      client: Client,
      options: { readonly defaultJobArgs: { readonly numRetries: number }; readonly keepFailedJobs: boolean },
    );
    enqueue(payload: Payload): Promise<unknown>;
  }
  export class Runner<Payload> {
    constructor(
      queue: SqliteQueue<Payload>,
      functions: { readonly run: () => Promise<void> },
      options: {
        readonly concurrency: number;
        readonly pollIntervalMs: number;
        readonly timeoutSecs: number;
      },
    );
    run(): Promise<void>;
  }
}

declare module "graphile-worker" {
  type LogFunction = (level: string, message: string) => void;

  export const Logger: new (factory: (scope: object) => LogFunction) => object;

  export function run(options: {
    readonly connectionString: string;
    readonly logger: object;
    readonly noHandleSignals: boolean;
    readonly concurrency: number;
    readonly taskList: Readonly<Record<string, (payload: unknown) => Promise<void>>>;
    readonly preset: { readonly worker: object };
  }): Promise<{ stop(): Promise<void> }>;

  export function runMigrations(options: { readonly connectionString: string }): Promise<void>;

  export function makeWorkerUtils(options: {
    readonly connectionString: string;
  }): Promise<{ addJob(task: string, payload: unknown): Promise<unknown> }>;
}

declare module "pg-boss" {
  interface FetchedJob {
    readonly id: string;
  }

  export class PgBoss {
    constructor(options: {
      readonly connectionString: string;
      readonly supervise: boolean;
      readonly schedule: boolean;
    });
    on(event: "error", listener: (error: Error) => void): this;
    start(): Promise<this>;
    createQueue(name: string): Promise<void>;
    deleteAllJobs(name: string): Promise<void>;
    send(name: string, data: object): Promise<string | null>;
    insert(name: string, jobs: readonly { readonly data: object }[]): Promise<unknown>;
    fetch(name: string, options: { readonly batchSize: number }): Promise<FetchedJob[]>;
    complete(name: string, ids: readonly string[]): Promise<unknown>;
  }
}
