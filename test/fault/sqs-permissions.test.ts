import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { PermanentError, RetryAfterError } from "../../src/errors.ts";
import { type SqsLine, SqsBed } from "../support/sqs-bed.ts";
import { sqsProxyMissing } from "../support/sqs-server.ts";

interface Statement {
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
}

const DENIED = { kind: "answer", status: 400, code: "AccessDeniedException" } as const;
const WAIT = { timeout: 90_000, interval: 20 };
const page = readFileSync(new URL("../../docs/providers/sqs.md", import.meta.url), "utf8");
const [sender, worker] = [...page.matchAll(/```json\n(\[\n[\s\S]*?"Effect"[\s\S]*?)```/g)].map(
  ([, text = ""]) => JSON.parse(text) as Statement[],
);

const missing = sqsProxyMissing();
if (missing !== undefined) console.warn(`SKIPPED: permissions on SQS. ${missing}`);

describe.skipIf(missing !== undefined)("permissions on SQS", { concurrent: true }, () => {
  let bed: SqsBed;
  beforeAll(async () => {
    bed = await SqsBed.start();
  });
  afterAll(() => bed[Symbol.asyncDispose]());

  test.each([
    ["GetQueueUrl", "GetQueueUrl"],
    ["GetQueueAttributes", "GetQueueAttributes"],
    ["SendMessageBatch", "SendMessage"],
  ])("a send whose %s is denied says that sqs:%s is missing", async (operation, action) => {
    await using line = await bed.line();
    line.proxy.on({ operation, times: Number.POSITIVE_INFINITY }, DENIED);
    const sending = line.queue.send(line.name, { type: "job", payload: {} });
    await expect(sending).rejects.toMatchObject({
      code: "auth",
      retryable: false,
      message: expect.stringContaining(`sqs:${action} was denied`) as string,
    });
  });

  test("a worker that may not receive does not start", async () => {
    await using line = await bed.line();
    line.proxy.on({ operation: "ReceiveMessage", times: Number.POSITIVE_INFINITY }, DENIED);
    await expect(line.queue.receive(line.name, async () => {})).rejects.toMatchObject({
      code: "auth",
      message: expect.stringContaining("sqs:ReceiveMessage was denied") as string,
    });
  });

  test("the policies on the page allow what is done, and no more", async () => {
    // The delay is long enough to have hops left when the worker starts, however late that is.
    const limits = { nativeDelayMs: 1_000, maxReleaseDelayMs: 1_500, maxInFlight: 2 };
    await using line = await bed.line({ limits });
    await line.queue.send(line.name, { type: "job", payload: "now" });
    await line.queue.sendDelayed(line.name, { type: "job", payload: "later" }, { seconds: 10 });
    expect(used(line)).toEqual(allowed(sender));
    line.seen.length = 0;
    const runs: unknown[] = [];
    const stop = new AbortController();
    const receiving = line.connect().receive(
      line.name,
      async ({ payload }, { attempt }) => {
        runs.push(payload);
        if (payload === "later") {
          // Longer than a half of its lease, so that it is extended.
          await sleep(8_000);
          throw new PermanentError("no");
        }
        if (attempt < 4) throw new RetryAfterError(attempt < 3 ? 1_000 : 5_000);
      },
      { signal: stop.signal, leaseMs: 15_000 },
    );
    await vi.waitFor(async () => {
      expect(runs).toHaveLength(5);
      expect(await line.direct.stats(line.name)).toMatchObject({ inFlight: 0, failed: 1 });
    }, WAIT);
    stop.abort();
    await receiving;
    expect(used(line)).toEqual(allowed(worker));
  });
});

/** What was asked for at the proxy, as permissions: one line for each queue and action. */
function used({ seen, name }: SqsLine): string[] {
  const lines = seen.map(({ operation, json }) => {
    const queue =
      String(json?.["QueueUrl"] ?? json?.["QueueName"])
        .split("/")
        .at(-1) ?? "";
    return `${queue.replace(name, "emails")} sqs:${operation.replace(/Batch$/, "")}`;
  });
  return [...new Set(lines)].toSorted();
}

function allowed(statements: readonly Statement[] = []): string[] {
  const lines = statements.flatMap(({ Action, Resource }) =>
    Resource.flatMap((arn) => Action.map((action) => `${arn.split(":prod-").at(-1)} ${action}`)),
  );
  return lines.toSorted();
}
