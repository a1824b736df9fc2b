import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { PermanentError, RetryAfterError } from "../../src/errors.ts";
import { type ProxiedQueue, SqsFixture } from "../support/sqs-fixture.ts";
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
  let fixture: SqsFixture;
  beforeAll(async () => {
    fixture = await SqsFixture.start();
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  test.each([
    ["GetQueueUrl", "GetQueueUrl"],
    ["GetQueueAttributes", "GetQueueAttributes"],
    ["SendMessageBatch", "SendMessage"],
  ])("a send whose %s is denied says that sqs:%s is missing", async (operation, action) => {
    await using proxied = await fixture.proxiedQueue();
    proxied.proxy.on({ operation, times: Number.POSITIVE_INFINITY }, DENIED);
    const sending = proxied.queue.send(proxied.name, { type: "job", payload: {} });
    await expect(sending).rejects.toMatchObject({
      code: "auth",
      retryable: false,
      message: expect.stringContaining(`sqs:${action} was denied`) as string,
    });
  });

  test("a worker without the permission to receive ends with an error of the code auth", async () => {
    await using proxied = await fixture.proxiedQueue();
    proxied.proxy.on({ operation: "ReceiveMessage", times: Number.POSITIVE_INFINITY }, DENIED);
    await expect(proxied.queue.receive(proxied.name, async () => {})).rejects.toMatchObject({
      code: "auth",
      message: expect.stringContaining("sqs:ReceiveMessage was denied") as string,
    });
  });

  test("a sender and a worker use exactly the permissions that docs/providers/sqs.md lists", async () => {
    // A long delay, so that hops are left when the worker starts, even on a slow machine.
    const limits = { nativeDelayMs: 1_000, maxReleaseDelayMs: 1_500, maxInFlight: 2 };
    await using proxied = await fixture.proxiedQueue({ limits });
    await proxied.queue.send(proxied.name, { type: "job", payload: "now" });
    await proxied.queue.sendDelayed(proxied.name, { type: "job", payload: "later" }, { seconds: 10 });
    expect(used(proxied)).toEqual(allowed(sender));
    proxied.seen.length = 0;
    const runs: unknown[] = [];
    const stop = new AbortController();
    const receiving = proxied.connect().receive(
      proxied.name,
      async ({ payload }, { attempt }) => {
        runs.push(payload);
        if (payload === "later") {
          // Longer than half of the lease, so that the lease is extended.
          await sleep(8_000);
          throw new PermanentError("no");
        }
        if (attempt < 4) throw new RetryAfterError(attempt < 3 ? 1_000 : 5_000);
      },
      { signal: stop.signal, leaseMs: 15_000 },
    );
    await vi.waitFor(async () => {
      expect(runs).toHaveLength(5);
      expect(await proxied.direct.stats(proxied.name)).toMatchObject({ inFlight: 0, failed: 1 });
    }, WAIT);
    stop.abort();
    await receiving;
    expect(used(proxied)).toEqual(allowed(worker));
  });
});

/** The permissions that the requests at the proxy needed, as `<queue> <action>`. */
function used({ seen, name }: ProxiedQueue): string[] {
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
