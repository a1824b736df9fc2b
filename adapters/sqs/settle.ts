import {
  type BatchResultErrorEntry,
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
} from "@aws-sdk/client-sqs";
import { DriverError, type Operation, type SettleResult } from "../../src/driver/index.ts";
import type { Clients } from "./clients.ts";
import { driverError, entryError } from "./errors.ts";
import { request } from "./request.ts";

interface Answer {
  readonly Successful?: readonly { readonly Id?: string | undefined }[] | undefined;
  readonly Failed?: readonly BatchResultErrorEntry[] | undefined;
}

/** The permissions of the two requests. */
const DELETE = "DeleteMessage";
const CHANGE = "ChangeMessageVisibility";

/** Acknowledges by one request, and extends and releases by a second one in parallel. An entry that fails, fails alone. */
export async function settleBatch(
  clients: Clients,
  queueUrl: () => Promise<string>,
  asked: readonly Operation[],
): Promise<SettleResult[]> {
  // Copied before the first `await`: the array belongs to the caller again once the call has returned.
  const operations = [...asked];
  const url = await queueUrl();
  const results: SettleResult[] = [];
  const acks: number[] = [];
  const changes: number[] = [];
  for (const [index, operation] of operations.entries()) {
    if (operation.kind === "ack") acks.push(index);
    else if (operation.kind === "dead_letter")
      results[index] = {
        ok: false,
        error: new DriverError("permanent", "SQS cannot dead-letter a message on request."),
      };
    else changes.push(index);
  }
  await Promise.all([
    gather(results, acks, DELETE, () => deleteMessages(clients, url, operations, acks)),
    gather(results, changes, CHANGE, () => changeVisibility(clients, url, operations, changes)),
  ]);
  return results;
}

function deleteMessages(
  clients: Clients,
  url: string,
  operations: readonly Operation[],
  indexes: readonly number[],
): Promise<Answer> {
  const entries = indexes.map((index) => ({ Id: String(index), ReceiptHandle: handleOf(operations[index]) }));
  const command = new DeleteMessageBatchCommand({ QueueUrl: url, Entries: entries });
  return request({ clients, action: DELETE }, (options) => clients.work.send(command, options));
}

function changeVisibility(
  clients: Clients,
  url: string,
  operations: readonly Operation[],
  indexes: readonly number[],
): Promise<Answer> {
  const entries = indexes.map((index) => {
    const operation = operations[index] as Operation;
    const ms =
      operation.kind === "extend" ? operation.leaseMs : operation.kind === "release" ? operation.delayMs : 0;
    return {
      Id: String(index),
      ReceiptHandle: handleOf(operation),
      VisibilityTimeout: Math.ceil(ms / 1_000),
    };
  });
  const command = new ChangeMessageVisibilityBatchCommand({ QueueUrl: url, Entries: entries });
  return request({ clients, action: CHANGE }, (options) => clients.work.send(command, options));
}

/** Adds the outcomes of one request to `results`. A request that fails as a whole fails only its own entries. */
async function gather(
  results: SettleResult[],
  indexes: readonly number[],
  action: string,
  call: () => Promise<Answer>,
): Promise<void> {
  if (indexes.length === 0) return;
  let answer: Answer;
  try {
    answer = await call();
  } catch (error) {
    const failure: SettleResult = { ok: false, error: driverError(error, action) };
    for (const index of indexes) results[index] = failure;
    return;
  }
  const done = new Set(answer.Successful?.map((entry) => entry.Id));
  const failed = new Map(answer.Failed?.map((entry) => [entry.Id, entry]));
  for (const index of indexes) {
    const id = String(index);
    results[index] = done.has(id) ? { ok: true } : { ok: false, error: entryError(failed.get(id), action) };
  }
}

function handleOf(operation: Operation | undefined): string {
  return operation?.delivery.receipt as string;
}
