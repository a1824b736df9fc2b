import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import type { HttpAction, HttpCall } from "../../support/proxy/http-call.ts";
import { HttpProxy } from "../../support/proxy/http-proxy.ts";
import type { Rule } from "../../support/proxy/rules.ts";
import { withBackend } from "../backends.ts";
import type { AdapterConfig } from "../config.ts";
import { jobTypes } from "./config.ts";
import { ALL_KEPT, oraclesOf } from "./oracles.ts";
import { Stage } from "./stage.ts";

/** Jobs whose handlers return after the loss of their leases, and before anybody else has them. */
const RETURNING = ["returns-1", "returns-2"];
/** Jobs whose handlers ignore the loss until another process has run them. */
const IGNORING = ["ignores-1", "ignores-2"];
/** The access key of the process whose leases are lost. */
const FIRST = "first";
const JOBS = [...RETURNING, ...IGNORING];
/** Time for the first process to settle messages, which it must not. */
const SETTLE_MS = 1_000;

test("a handler that returns after the lease of its message was lost is recorded, and its job does not run again", () =>
  withBackend("sqs", async ({ adapter }) => {
    const { port } = new URL(String(adapter.options["endpoint"]));
    await using proxy = await HttpProxy.start({ port: Number(port) });
    const behindProxy = (accessKeyId: string): AdapterConfig => {
      const credentials = { accessKeyId, secretAccessKey: "test" };
      return { ...adapter, options: { ...adapter.options, endpoint: proxy.endpoint, credentials } };
    };
    const stage = await Stage.open(behindProxy("test"));
    try {
      for (const [key, id] of JOBS.entries())
        await stage.jobs.send({ type: jobTypes.plain, payload: { key }, id }, { queue: stage.name });
      const first = stage.start({ role: "holder", adapter: behindProxy(FIRST) });
      await stage.until(
        "the first process has all jobs",
        async () => (await stage.count("began", first)) === JOBS.length,
      );
      const refuse = (operation: string, action: HttpAction): Rule =>
        proxy.on({ operation, where: isOfFirst, times: Number.POSITIVE_INFINITY }, action);
      const failure = { kind: "answer", code: "InternalError", status: 500 } as const;
      // As after the 12 hours for which SQS extends a lease.
      refuse("ChangeMessageVisibility", failure);
      refuse("ChangeMessageVisibilityBatch", failure);
      // It gets no other delivery of its jobs, so that each acknowledgement would be one of the first.
      refuse("ReceiveMessage", { kind: "black_hole" });
      const acks = [refuse("DeleteMessage", failure), refuse("DeleteMessageBatch", failure)];
      await stage.until(
        "its leases are lost",
        async () => (await stage.count("aborted", first)) === JOBS.length,
      );

      for (const id of RETURNING) stage.release(first, id);
      await stage.until("the store has answered", async () => {
        const answers = (await stage.count("ended", first)) + (await stage.count("refused", first));
        return answers === RETURNING.length;
      });
      const second = stage.start({ role: "holder" });
      stage.release(second);
      await stage.untilOver();
      expect(await runsOf(stage, second.pid)).toEqual(IGNORING);

      for (const id of IGNORING) stage.release(first, id);
      await stage.until(
        "all handlers have returned",
        async () => (await stage.count("handled", first)) === JOBS.length,
      );
      await sleep(SETTLE_MS);
      expect(await stage.count("ended", first)).toBe(RETURNING.length);
      expect(acks.map(({ hits }) => hits)).toEqual([0, 0]);
      const expected = new Map(JOBS.map((id) => [id, "completed" as const]));
      expect(await oraclesOf("a lost lease", stage, expected)).toEqual(ALL_KEPT);
    } finally {
      await stage.close();
    }
  }));

function isOfFirst({ headers: { authorization = "" } }: HttpCall): boolean {
  return authorization.includes(`Credential=${FIRST}/`);
}

async function runsOf(stage: Stage, pid: number): Promise<string[]> {
  const log = await stage.log();
  return log
    .flatMap((event) => (event.kind === "began" && event.process === pid ? [event.id] : []))
    .toSorted();
}
