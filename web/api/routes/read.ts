import { z } from "zod";
import { type JobRecordJson, recordOf } from "../../../src/jobs/job-record.ts";
import type { JobSnapshot } from "../../../src/jobs/job-snapshot.ts";
import type { JobInclude } from "../../../src/jobs/read/get.ts";
import { isFinal } from "../../../src/jobs/store/job-row.ts";
import { sha256 } from "../../../src/lib/hash.ts";
import { listOf, text, whole } from "../fields.ts";
import { filterFields, filterOf } from "../filter.ts";
import { findJob, jobPath } from "../find-job.ts";
import { type AnyRoute, route } from "../route.ts";
import { jobPageSchema, jobSchema } from "../schemas.ts";
import { waitForEnd } from "../wait-for-end.ts";

const parts = ["payload", "result", "attempts", "logs"] as const;

const listQuery = z.strictObject({
  ...filterFields,
  limit: whole(1, 200, "Jobs of a page.").optional(),
  offset: whole(0, 10_000, "Jobs to skip. Not together with cursor.").optional(),
  cursor: text("next_cursor of the page before, of the same query.").optional(),
  order: z.enum(["newest", "oldest"]).optional().meta({ description: "By the time of creation." }),
});

const getQuery = z.strictObject({
  include: listOf(parts, "Parts that are left out otherwise.").optional(),
  wait: z
    .enum(["completed", "finished"])
    .optional()
    .meta({ description: "Waits until the job is over, in any of its final states." }),
  timeout: whole(0, 60, "Seconds to wait at most. 30 by default.").optional(),
});

/** The routes that read jobs. */
export function readRoutes(): AnyRoute[] {
  return [
    route({
      method: "get",
      path: "/jobs",
      role: "viewer",
      operation: "listJobs",
      tag: "Jobs",
      summary: "List jobs",
      description: "A job must meet all conditions; a list is met by each of its values.",
      query: listQuery,
      answers: {
        200: {
          description: "One page of jobs, the newest first.",
          schema: jobPageSchema,
          headers: { Link: "The next page, if there is one." },
        },
      },
      async handle({ jobs, caller, query, request }) {
        const { limit = 50, offset, cursor, order, ...filter } = query;
        const page = await jobs.list({ ...filterOf(filter, caller), limit, offset, cursor, order });
        const { nextCursor } = page;
        return {
          status: 200,
          body: {
            jobs: page.jobs.map((job) => recordOf(job)),
            total: page.total,
            ...(page.isTotalCapped ? { total_is_capped: true } : {}),
            ...(page.isPartial ? { is_partial: true } : {}),
            limit,
            ...(cursor === undefined ? { offset: offset ?? 0 } : {}),
            ...(nextCursor === undefined ? {} : { next_cursor: nextCursor }),
          },
          headers: nextCursor === undefined ? {} : { link: nextLink(request, nextCursor) },
        };
      },
    }),
    route({
      method: "get",
      path: "/jobs/{id}",
      role: "viewer",
      operation: "getJob",
      tag: "Jobs",
      summary: "Get a job",
      params: jobPath,
      query: getQuery,
      headers: [{ name: "If-None-Match", description: "The ETag of an answer before." }],
      answers: {
        200: { description: "The job.", schema: jobSchema, headers: { ETag: "Changes with the job." } },
        304: { description: "The job has not changed since the answer with this ETag." },
      },
      async handle({ jobs, caller, path, query, request, settings, signal }) {
        const { include = [], wait, timeout = 30 } = query;
        let job = await findJob(jobs, caller, path.id, storedParts(include));
        if (wait !== undefined && !isFinal(job.status)) {
          await waitForEnd(jobs, job, { timeoutMs: timeout * 1_000, clock: settings.clock, signal });
          job = await findJob(jobs, caller, path.id, storedParts(include));
        }
        const body = recordOf(job, { attempts: include.includes("attempts") });
        const etag = etagOf(job, body);
        const headers = { etag, "cache-control": "no-cache" };
        if (isKnown(request.headers.get("if-none-match"), etag)) return { status: 304, headers };
        return { status: 200, body, headers };
      },
    }),
  ];
}

function storedParts(include: readonly (typeof parts)[number][]): JobInclude[] {
  return include.filter((part) => part !== "attempts");
}

/**
 * Two answers with the same tag are the same. A job may become stuck or late, and its payload may be deleted, without a change
 * of its version.
 */
function etagOf({ version }: JobSnapshot, body: JobRecordJson): string {
  return `"${version}-${sha256(JSON.stringify(body)).toString("base64url").slice(0, 16)}"`;
}

function isKnown(ifNoneMatch: string | null, etag: string): boolean {
  if (ifNoneMatch === null) return false;
  const tags = new Set(ifNoneMatch.split(",").map((tag) => tag.trim().replace(/^W\//, "")));
  return tags.has("*") || tags.has(etag);
}

/** The query of the next page, relative to the path of this one. */
function nextLink(request: Request, cursor: string): string {
  const { searchParams } = new URL(request.url);
  searchParams.delete("offset");
  searchParams.set("cursor", cursor);
  return `<?${searchParams.toString()}>; rel="next"`;
}
