import { expectEqual } from "../../../conformance/kit/expect.ts";
import type { JobCount, MinuteCount } from "../../store/job-store.ts";
import { group, type JobStoreCase } from "../case.ts";
import { plain } from "../kit/compare.ts";

const byText = (one: unknown, other: unknown): number =>
  JSON.stringify(one) < JSON.stringify(other) ? -1 : 1;
const sortedCounts = (counts: readonly JobCount[]): unknown[] =>
  counts.map(({ queue, type, status, count }) => [queue, type, status, count]).toSorted(byText);
const sortedMinutes = (minutes: readonly MinuteCount[]): unknown[] =>
  minutes.map((one) => [one.queue, one.type, one.status, one.count, one.durationMs]).toSorted(byText);

export const countCases: readonly JobStoreCase[] = group("counts", [
  {
    name: "unfinished jobs are counted by queue, type and status, and finished ones are not",
    async run({ apply, each, make, store, namespace }) {
      expectEqual("of none", await store.counts(namespace), []);
      await apply(
        make.insert("a"),
        make.insert("b"),
        make.insert("c", { queue: "invoices" }),
        make.birth("d", {}, { dueInMs: 1_000 }),
        make.insert("e"),
      );
      await each(make.claim("b", "t"), make.claim("e", "t"), make.end("e", "t", "completed"));
      expectEqual("the counts", sortedCounts(await store.counts(namespace)), [
        ["emails", "email", "processing", 1],
        ["emails", "email", "queued", 1],
        ["emails", "email", "scheduled", 1],
        ["invoices", "email", "queued", 1],
      ]);
    },
  },
  {
    name: "ends are counted once in their minute, also if they are repeated",
    async run({ each, make, wait, clock, store, namespace }) {
      await wait(60_000 - (clock.now() % 60_000));
      const start = clock.now();
      const retry = make.end("a", "t", "retrying", { inMs: 0, durationMs: 7 });
      await each(
        make.claim("a", "t"),
        retry,
        retry,
        make.claim("a", "u"),
        make.end("a", "u", "completed", { durationMs: 5, attempt: 2 }),
      );
      await each(make.claim("b", "t"), make.end("b", "t", "completed", { durationMs: 6 }));
      await wait(60_000);
      await each(
        make.insert("c"),
        make.cancel("c"),
        make.claim("d", "t"),
        make.end("d", "t", "failed", { durationMs: 3 }),
        make.buried("d"),
      );
      const all = await store.minutes(namespace, start);
      expectEqual(
        "the minutes",
        [...new Set(all.map(({ minute }) => minute - start))].toSorted((one, other) => one - other),
        [0, 60_000],
      );
      expectEqual("the first minute", sortedMinutes(all.filter(({ minute }) => minute === start)), [
        ["emails", "email", "completed", 2, 11],
        ["emails", "email", "retrying", 1, 7],
      ]);
      const later = await store.minutes(namespace, start + 60_000);
      expectEqual("the second minute", plain(sortedMinutes(later)), [
        ["emails", "email", "cancelled", 1, 0],
        ["emails", "email", "failed", 1, 3],
      ]);
    },
  },
]);
