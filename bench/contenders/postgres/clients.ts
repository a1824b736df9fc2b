import { postgres } from "../../../adapters/postgres/index.ts";
import { createQueue, type Queue } from "../../../src/index.ts";
import { messageOf, payloadOf } from "../job.ts";

/** The name of a contender's library. */
export type By = "queueport" | "graphile" | "pg-boss";

export interface At {
  readonly by: By;
  /** The URL of the database. */
  readonly address: string;
}

export function openQueueport({ address }: Pick<At, "address">): Queue {
  return createQueue(postgres({ url: address }));
}

/** Returns a function that sends one message, as an application calls it. */
export async function sender({ by, address }: At): Promise<(number: number) => Promise<unknown>> {
  if (by === "queueport") {
    const queue = openQueueport({ address });
    return (number) => queue.send("bench", messageOf(number));
  }
  // The imports are dynamic so that a contender loads its own library alone.
  if (by === "graphile") {
    const { makeWorkerUtils } = await import("graphile-worker");
    const utils = await makeWorkerUtils({ connectionString: address });
    return (number) => utils.addJob("bench", payloadOf(number));
  }
  const boss = await openBoss(address);
  return (number) => boss.send("bench", payloadOf(number));
}

export async function openBoss(address: string): Promise<import("pg-boss").PgBoss> {
  const { PgBoss } = await import("pg-boss");
  const boss = new PgBoss({ connectionString: address, supervise: false, schedule: false });
  boss.on("error", () => {});
  await boss.start();
  return boss;
}

/** Runs a worker of graphile-worker with its settings for many jobs, or with its defaults. */
export async function runGraphile(address: string, handle: () => void, inBatches: boolean): Promise<void> {
  const { Logger, run } = await import("graphile-worker");
  const batches = { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 };
  await run({
    connectionString: address,
    logger: new Logger(() => () => {}),
    noHandleSignals: true,
    concurrency: 24,
    taskList: { bench: async () => handle() },
    preset: { worker: inBatches ? batches : {} },
  });
}
