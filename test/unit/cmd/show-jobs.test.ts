import { stripVTControlCharacters } from "node:util";
import { describe, expect, test, vi } from "vitest";
import {
  eventJson,
  eventText,
  jobJson,
  jobsTable,
  jobText,
  logText,
  pageJson,
  pageLine,
  statusText,
} from "../../../cmd/job/show-jobs.ts";
import type { JobSnapshot } from "../../../src/jobs/job-snapshot.ts";

const at = (seconds: number): Date => new Date(Date.UTC(2026, 0, 31, 12, 0, seconds));
const id = "01a21575-71c0-702f-bd55-97a156dbe221";

function job(fields: Partial<JobSnapshot> = {}): JobSnapshot {
  return {
    id,
    type: "send_welcome_email",
    status: "queued",
    queue: "emails",
    priority: "normal",
    version: 1,
    attempt: 0,
    maxAttempts: 5,
    createdAt: at(0),
    updatedAt: at(0),
    tags: [],
    attempts: [],
    ...fields,
  };
}

const widest = (text: string): number => Math.max(...text.split("\n").map((line) => line.length));

describe("jobsTable", () => {
  test("shows id, type, state, run and age on one line each", () => {
    const table = jobsTable([job({ status: "processing", attempt: 2 })], at(90));
    expect(table).toMatch(new RegExp(`${id} .* send_welco.*… .* processing .* 2/5 .* 2m `));
  });

  test("fits 80 columns and keeps a generated id in one piece, however long a type or an id is", () => {
    const table = jobsTable(
      [
        job({ type: "x".repeat(200), status: "processing", progress: 100, attempt: 10, maxAttempts: 100 }),
        job({ id: "order-".repeat(20), createdAt: at(-400 * 86_400) }),
      ],
      at(0),
    );
    expect(widest(table)).toBeLessThanOrEqual(80);
    expect(jobsTable([job({ type: "x".repeat(200) })], at(0))).toContain(id);
  });

  test("shows text of messages so that it does not act on the terminal", () => {
    const table = jobsTable([job({ type: "a\u001b[2Jb", id: "c\nd\u202e" })], at(0));
    expect(table).not.toContain("\u001b");
    expect(table).toContain("\\u001b");
    expect(table).toContain("c d\\u202e");
  });

  test("keeps its columns on a terminal with colours", () => {
    const jobs = [job({ status: "completed" }), job({ status: "failed" }), job({ status: "retrying" })];
    const plain = jobsTable(jobs, at(5));
    const { isTTY } = process.stdout;
    vi.stubEnv("NO_COLOR", undefined);
    process.stdout.isTTY = true;
    try {
      expect(stripVTControlCharacters(jobsTable(jobs, at(5)))).toBe(plain);
    } finally {
      process.stdout.isTTY = isTTY;
      vi.unstubAllEnvs();
    }
  });
});

test.each<[Partial<JobSnapshot>, string]>([
  [{ status: "processing", progress: 40 }, "processing 40 %"],
  [{ status: "processing", progress: 40, isStalled: true }, "stalled"],
  [{ status: "processing", cancelRequestedAt: at(1) }, "cancelling"],
  [{ status: "scheduled", isOverdue: true }, "overdue"],
  [{ status: "completed", progress: 100 }, "completed"],
])("the state of a job with %o is %s", (fields, text) => {
  expect(statusText(job(fields))).toBe(text);
});

describe("jobText", () => {
  test("shows everything that the record has, and no line without a value", () => {
    const text = jobText(
      job({
        status: "failed",
        attempt: 5,
        workerId: "host-1-1",
        error: { message: "no\nroom", code: "ENOSPC", frame: "mail.ts:12:4", fingerprint: "3f9c0a51be77" },
        deadLetterReason: "max_attempts",
        startedAt: at(2),
        finishedAt: at(3),
        waitMs: 2_000,
        durationMs: 310,
        tags: ["import", "eu"],
        attempts: [
          {
            attempt: 4,
            workerId: "host-1-1",
            startedAt: at(1).getTime(),
            durationMs: 9,
            error: { message: "first" },
          },
        ],
        payload: { userId: "u1" },
        logs: [{ at: at(2).getTime(), level: "warn", message: "slow", fields: { ms: 5 } }],
      }),
    );
    expect(text).toContain("error        no room (ENOSPC)");
    expect(text).toContain("run          5 of at most 5");
    expect(text).toContain("waited       2s");
    expect(text).toContain("ran          310ms");
    expect(text).toContain("tags         import, eu");
    expect(text).toContain("  run 4 by host-1-1, 2026-01-31 12:00:01Z, 9ms: first");
    expect(text).toContain('payload\n{\n  "userId": "u1"\n}');
    expect(text).toContain('2026-01-31 12:00:02Z warn  slow {"ms":5}');
    expect(text).not.toContain("tenant");
    expect(text).not.toContain("undefined");
  });

  test("shows hostile text with escapes, in every field", () => {
    const evil = "\u001b]0;x\u0007\u202e";
    const text = jobText(
      job({
        type: evil,
        queue: evil,
        progressMessage: evil,
        workerId: evil,
        tenant: evil,
        tags: [evil],
        cancelRequestedAt: at(0),
        cancelReason: evil,
        deadLetterReason: evil,
        error: { message: evil, code: evil, frame: evil, fingerprint: evil },
        attempts: [{ attempt: 1, workerId: evil, startedAt: 0, durationMs: 1, error: { message: evil } }],
        payload: { [evil]: evil },
        result: evil,
        logs: [{ at: 0, level: "info", message: evil, fields: { [evil]: evil } }],
      }),
    );
    for (const acting of ["\u001b", "\u0007", "\u202e"]) expect(text).not.toContain(acting);
  });

  test("says why a completed job has no result", () => {
    expect(jobText(job({ status: "completed", resultOmitted: "too_large" }))).toContain(
      "result       not kept: too large",
    );
  });
});

describe("JSON", () => {
  test("is the record of the REST API on one line for a job, with its failed runs", () => {
    const record = JSON.parse(jobJson(job({ status: "retrying", attempt: 2, result: null })));
    expect(record).toMatchObject({ id, status: "retrying", retry_count: 1, max_retries: 4, attempts: [] });
  });

  test("has the total of a page, and says that there is more", () => {
    const page = { jobs: [job()], total: 10_000, isTotalCapped: true, isPartial: false, nextCursor: "c" };
    expect(JSON.parse(pageJson(page))).toMatchObject({
      jobs: [{ id, created_at: "2026-01-31T12:00:00.000Z" }],
      total: 10_000,
      total_is_capped: true,
      next_cursor: "c",
    });
    const empty = { jobs: [], total: 0, isTotalCapped: false, isPartial: false, nextCursor: undefined };
    expect(JSON.parse(pageJson(empty))).toEqual({ jobs: [], total: 0 });
  });

  test("says that not all jobs were looked at", () => {
    const page = { jobs: [], total: 0, isTotalCapped: true, isPartial: true, nextCursor: "c" };
    expect(JSON.parse(pageJson(page))).toMatchObject({ is_partial: true, next_cursor: "c" });
    expect(pageLine(page)).toBe(
      "No job matches so far, and not all jobs were looked at; the next: --cursor c",
    );
    expect(pageLine({ ...page, jobs: [job()] })).toMatch(/^1 so far, and not all/);
    expect(pageLine({ ...page, isPartial: false, nextCursor: undefined })).toBe("No job matches.");
  });
});

describe("an event", () => {
  test.each<[Parameters<typeof eventText>[0], string]>([
    [
      { event: "job.started", job: job({ status: "processing", attempt: 1, workerId: "w-1" }), cursor: "c" },
      "started: run 1, by w-1",
    ],
    [
      {
        event: "job.progress",
        job: job({ status: "processing", attempt: 1, progress: 40, progressMessage: "half\u001b" }),
        cursor: "c",
      },
      "progress: run 1, 40 %, half\\u001b",
    ],
    [
      {
        event: "job.failed",
        job: job({ status: "retrying", attempt: 2, error: { message: "no", code: "timeout" } }),
        willRetry: true,
        cursor: "c",
      },
      "failed: run 2, will be retried, no (timeout)",
    ],
    [
      { event: "job.completed", job: job({ status: "completed", attempt: 1, durationMs: 12 }), cursor: "c" },
      "completed: run 1, in 12ms",
    ],
    [{ event: "job.queued", job: job(), cursor: "c" }, "queued"],
  ])("%o is one line", (event, line) => {
    expect(eventText(event)).toBe(`2026-01-31 12:00:00Z ${id} send_welcome_email ${line}`);
  });

  test("is one line of JSON with its cursor", () => {
    const event = { event: "job.failed", job: job(), willRetry: true, cursor: "c" } as const;
    expect(JSON.parse(eventJson(event))).toMatchObject({
      event: "job.failed",
      will_retry: true,
      cursor: "c",
      job: { id },
    });
  });
});

test("the lines of a log are shown with their level and fields, one line each", () => {
  expect(logText([{ at: at(0).getTime(), level: "error", message: "a\nb" }])).toBe(
    "2026-01-31 12:00:00Z error a b",
  );
});
