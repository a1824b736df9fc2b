import { expectEqual, expectThat } from "../../../conformance/kit/expect.ts";
import type { Json } from "../../json.ts";
import type { ClaimAnswer } from "../../store/change.ts";
import { MAX_LOG_BYTES, MAX_LOG_LINES } from "../../store/job-row.ts";
import { group, type JobStoreCase } from "../case.ts";
import { expectMembers, expectSameJson } from "../kit/compare.ts";

const DEEP: Json = {
  text: "Größe 💾 \u0000 \u2028",
  list: [1, -0.5, 1e21, null, true, [], {}],
  "": "",
  nested: { a: { b: [{}] } },
};
const line = (message: string, at = 1): { at: number; level: "info"; message: string } => ({
  at,
  level: "info",
  message,
});

export const dataCases: readonly JobStoreCase[] = group("data", [
  {
    name: "payload, result, checkpoint, steps and logs come back as they were written",
    async run({ each, make, read }) {
      const message = { payload: DEEP, headers: { lang: "de" }, backoff: { baseMs: 10 }, orderingKey: "k" };
      const logs = [{ at: 1_000, level: "warn" as const, message: "slow", fields: { ms: 20 } }];
      await each(
        make.insert("a", { message }),
        make.claim("a", "t"),
        make.touch("a", "t", 1, {
          saved: { value: DEEP },
          steps: { download: DEEP },
          logs,
          progress: 40,
          progressMessage: "half",
        }),
        make.end("a", "t", "completed", { result: { value: DEEP } }),
      );
      const job = await read("a");
      expectMembers("the job", job, { message, result: DEEP, saved: DEEP, steps: { download: DEEP }, logs });
      expectMembers("the row", job?.row, {
        progress: 100,
        progressMessage: "half",
        hasMessage: true,
        hasSaved: true,
      });
    },
  },
  {
    name: "a read has the parts that were asked for, and no others",
    async run({ each, make, store, namespace }) {
      await each(
        make.claim("a", "t"),
        make.touch("a", "t", 1, { saved: { value: 1 }, logs: [line("x")] }),
        make.end("a", "t", "completed", { result: { value: 2 } }),
      );
      const parts = async (...names: ("message" | "result" | "saved" | "logs")[]): Promise<string[]> => {
        const [job] = await store.get(namespace, ["a"], names);
        const { row: _row, ...data } = JSON.parse(JSON.stringify(job)) as Record<string, unknown>;
        return Object.keys(data).toSorted();
      };
      expectEqual("no part", await parts(), []);
      expectEqual("one part", await parts("result"), ["result"]);
      expectEqual("all parts", await parts("message", "result", "saved", "logs"), [
        "logs",
        "message",
        "result",
        "saved",
      ]);
    },
  },
  {
    name: "a read answers each id in the order of the ids, also unknown and repeated ones",
    async run({ apply, make, store, namespace }) {
      await apply(make.insert("a"), make.insert("b"), make.insert('it\'s "odd" % _ 💾'));
      const found = await store.get(namespace, ["b", "none", 'it\'s "odd" % _ 💾', "a", "b"]);
      expectEqual(
        "the ids",
        found.map((job) => job?.row.id),
        ["b", undefined, 'it\'s "odd" % _ 💾', "a", "b"],
      );
      expectEqual("no ids", await store.get(namespace, []), []);
    },
  },
  {
    name: "a claim answers with the checkpoint and the steps of the runs before",
    async run({ each, one, make }) {
      await each(
        make.claim("a", "t"),
        make.touch("a", "t", 1, { steps: { first: 1 } }),
        make.touch("a", "t", 2, { saved: { value: { cursor: 7 } }, steps: { second: { ok: true } } }),
        make.end("a", "t", "retrying", { inMs: 0 }),
      );
      const answer = await one<ClaimAnswer>(make.claim("a", "u"));
      expectMembers("the answer", answer, {
        do: "run",
        saved: { cursor: 7 },
        steps: { first: 1, second: { ok: true } },
      });
      expectSameJson("the same claim again", await one(make.claim("a", "u")), answer);
    },
  },
  {
    name: "a report that arrives after a later one changes nothing",
    async run({ each, make, read }) {
      await each(
        make.claim("a", "t"),
        make.touch("a", "t", 2, { saved: { value: 2 } }),
        make.touch("a", "t", 1, { saved: { value: 1 } }),
      );
      expectMembers("the job", await read("a"), { saved: 2 });
    },
  },
  {
    name: "a checkpoint of null is a checkpoint, and a result of null is a result",
    async run({ each, one, make, read }) {
      await each(
        make.claim("a", "t"),
        make.touch("a", "t", 1, { saved: { value: null } }),
        make.end("a", "t", "completed", { result: { value: null } }),
      );
      expectMembers("the job", await read("a"), { saved: null, result: null });
      await each(make.reopen("a", "r", { force: true }));
      expectMembers("the answer", await one(make.claim("a", "u", { redrive: 1 })), { saved: null });
    },
  },
  {
    name: "a log keeps its last lines, by number and by size",
    async run({ each, make, read }) {
      const lines = Array.from({ length: MAX_LOG_LINES + 20 }, (_, index) => line(`line ${index}`, index));
      await each(
        make.claim("a", "t"),
        make.touch("a", "t", 1, { logs: lines.slice(0, 70) }),
        make.touch("a", "t", 2, { logs: lines.slice(70) }),
      );
      const kept = (await read("a"))?.logs ?? [];
      expectEqual(
        "the lines",
        kept.map(({ at }) => at),
        lines.slice(-MAX_LOG_LINES).map(({ at }) => at),
      );
      const long = Array.from({ length: 20 }, (_, index) => line("ü".repeat(4_000), 1_000 + index));
      await each(
        make.touch("a", "t", 3, { logs: long }),
        make.end("a", "t", "completed", { logs: [line("the end", 2_000)] }),
      );
      const after = (await read("a"))?.logs ?? [];
      const bytes = after.reduce((sum, one) => sum + Buffer.byteLength(JSON.stringify(one)), 0);
      expectThat(
        "the bytes",
        bytes <= MAX_LOG_BYTES && bytes > MAX_LOG_BYTES - 9_000,
        bytes,
        `just below ${MAX_LOG_BYTES}`,
      );
      expectEqual("the last line", after.at(-1)?.message, "the end");
    },
  },
  {
    name: "what the sender or the handler changes later does not change the record",
    async run({ one, each, make, read }) {
      const payload = { list: [1] };
      const result = { list: [2] };
      await one(make.insert("a", { message: { payload } }));
      payload.list.push(3);
      await each(make.claim("a", "t"), make.end("a", "t", "completed", { result: { value: result } }));
      result.list.push(4);
      expectMembers("the job", await read("a"), {
        message: { payload: { list: [1] } },
        result: { list: [2] },
      });
      const job = await read("a");
      if (job !== undefined) (job.result as { list: number[] }).list.push(5);
      expectMembers("the job after its reader changed it", await read("a"), { result: { list: [2] } });
    },
  },
  {
    name: "a payload of 200 KB comes back",
    async run({ one, make, read }) {
      const payload = "a".repeat(200_000);
      await one(make.insert("a", { message: { payload } }));
      const job = await read("a");
      expectEqual("whether it is the same", job?.message?.payload === payload, true);
    },
  },
]);
