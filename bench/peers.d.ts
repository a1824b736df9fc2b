/**
 * The slices of the peers that the bench uses. They are installed when it runs, and the project has to be checked
 * without them.
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
  interface Connection {
    readonly host: string;
    readonly port: number;
    readonly maxRetriesPerRequest: null;
  }

  export class Queue {
    constructor(name: string, options: { readonly connection: Connection });
    add(name: string, data: object, options: { readonly removeOnComplete: boolean }): Promise<unknown>;
    obliterate(options: { readonly force: boolean }): Promise<void>;
  }

  export class Worker {
    constructor(
      name: string,
      run: () => Promise<void>,
      options: { readonly connection: Connection; readonly concurrency: number },
    );
    on(event: "error", listener: (error: Error) => void): this;
  }
}
