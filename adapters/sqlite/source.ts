import {
  type Clock,
  type Delivery,
  type OpenOptions,
  type Operation,
  type SettleResult,
  type Source,
  wakingSource,
} from "../../src/driver/index.ts";
import { deliveryOf, receiptOf } from "../sql/queue/message-row.ts";
import { settleResult, withoutDeadLetters } from "../sql/queue/settlements.ts";
import { receiveError } from "./errors.ts";
import type { Settlement } from "./queue/message-table.ts";
import type { QueueFile } from "./queue/queue-file.ts";

/** The parts of a driver that its sources use. */
export interface SourceContext {
  readonly clock: Clock;
  readonly longPollMs: number;
  readonly file: () => Promise<QueueFile>;
}

/** Opens a source of one queue. */
export function openSource(
  queue: string,
  { leaseMs, waitMs }: OpenOptions,
  { clock, longPollMs, file }: SourceContext,
): Source {
  let stopListening: (() => void) | undefined;
  let isClosed = false;

  const claim = async (max: number): Promise<{ deliveries: Delivery[]; dueInMs?: number | undefined }> => {
    const open = await file();
    // Before the first look, so that no message comes between the two.
    if (!isClosed) stopListening ??= open.listen(queue, (dueInMs) => source.wake(dueInMs));
    const dueInMs = await open.read((messages) => dueIn(messages.nextAt(queue), clock));
    // Without a ready message, nothing is locked.
    if (dueInMs === undefined || dueInMs > 0) return { deliveries: [], dueInMs };
    const rows = await open.write((messages) => {
      const now = clock.now();
      const until = Math.ceil(now + leaseMs);
      return messages.claim(queue, max, now, until).map((row) => deliveryOf(row, until));
    }, false);
    return { deliveries: rows, dueInMs: 0 };
  };

  const settle = async (given: readonly Operation[]): Promise<SettleResult[]> => {
    const operations = [...given];
    const open = await file();
    let moments: number[] = [];
    const { outcomes, isReady } = await open.write((messages) => {
      const now = clock.now();
      moments = operations.map((operation) => momentOf(operation, now));
      const settlements = operations.flatMap((operation, index): Settlement[] =>
        operation.kind === "dead_letter"
          ? []
          : [
              {
                kind: operation.kind,
                receipt: receiptOf(operation.delivery),
                moment: moments[index] as number,
              },
            ],
      );
      return messages.settle(settlements, now);
    }, false);
    if (isReady) open.announce(queue, 0);
    for (const [index, operation] of operations.entries())
      if (operation.kind === "release" && operation.delayMs > 0)
        open.announce(queue, (moments[index] as number) - clock.now());
    let next = 0;
    return operations.map((operation, index) => {
      if (operation.kind === "dead_letter") return withoutDeadLetters(queue);
      next += 1;
      return settleResult(queue, operation, outcomes[next - 1] ?? "lost", moments[index] as number);
    });
  };

  const source = wakingSource({
    claim: (max) => claim(max).catch(rethrow),
    settle: (operations) => settle(operations).catch(rethrow),
    waitMs: waitMs ?? longPollMs,
    clock,
    async close() {
      isClosed = true;
      stopListening?.();
    },
  });
  return source;
}

function rethrow(error: unknown): never {
  throw receiveError(error);
}

/** The end of an extended lease, or the time from which a released message is delivered again. */
function momentOf(operation: Operation, now: number): number {
  if (operation.kind === "extend") return Math.ceil(now + operation.leaseMs);
  return operation.kind === "release" ? now + operation.delayMs : now;
}

function dueIn(at: number | undefined, clock: Clock): number | undefined {
  return at === undefined ? undefined : Math.max(0, at - clock.now());
}
