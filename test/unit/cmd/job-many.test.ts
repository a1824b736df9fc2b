import { afterEach, describe, expect, test, vi } from "vitest";
import { type Change, changeMany, type ManyFlags } from "../../../cmd/job/many.ts";
import { selectsAll } from "../../../cmd/job/select.ts";

const untouched: Change = {
  verb: "Cancel",
  done: "cancelled",
  one: () => Promise.reject(new Error("must not be called")),
  all: () => Promise.reject(new Error("must not be called")),
};

afterEach(() => vi.restoreAllMocks());

describe("changeMany refuses before it opens anything", () => {
  test.each<[string, readonly string[], ManyFlags, string]>([
    ["no selection", [], {}, "No jobs are selected"],
    ["ids together with a filter", ["a"], { type: ["email"] }, "exclude each other"],
    ["ids together with --all", ["a"], { all: true }, "exclude each other"],
    ["a filter without a terminal to ask on", [], { type: ["email"] }, "pass --yes to cancel"],
    ["all jobs without a terminal to ask on", [], { all: true }, "pass --yes to cancel"],
  ])("%s", async (_what, ids, flags, sentence) => {
    await expect(changeMany(ids, flags, untouched)).rejects.toMatchObject({
      code: "config",
      message: expect.stringContaining(sentence),
    });
  });
});

test.each<[ManyFlags, boolean]>([
  [{}, true],
  [{ all: true, yes: true, dryRun: true, json: true, config: "x" }, true],
  [{ status: ["failed"] }, false],
  [{ stalled: true }, false],
  [{ since: new Date(0) }, false],
  [{ error: "timeout" }, false],
])("the flags %o select all jobs: %o", (flags, all) => {
  expect(selectsAll(flags)).toBe(all);
});
