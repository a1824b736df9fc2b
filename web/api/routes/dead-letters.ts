import { z } from "zod";
import type { DeadLetter, DeadLetterFilter } from "../../../src/queue/dead-letters.ts";
import { text, time, whole } from "../fields.ts";
import { invalidRequest } from "../problem.ts";
import type { QueueReport } from "../queue-report.ts";
import { type AnyRoute, route } from "../route.ts";
import { deadLettersSchema, discardSchema, groupsSchema, redriveSchema } from "../schemas-queues.ts";
import { demandQueue, queuePath } from "./queues.ts";

const filterFields = {
  type: text("The job type.").optional(),
  reason: text("The reason of the dead-lettering, such as max_attempts.").optional(),
  fingerprint: text("The fingerprint of a group.").optional(),
  since: time("Dead-lettered at or after this time (RFC 3339).").optional(),
  until: time("Dead-lettered at or before this time (RFC 3339).").optional(),
};

const selection = {
  ...filterFields,
  ids: z.array(z.string()).min(1).max(1_000).optional().meta({ description: "The ids of the messages." }),
  all: z
    .literal(true)
    .optional()
    .meta({ description: "Means all dead letters. Needed without a condition." }),
  dry_run: z.boolean().optional().meta({ description: "Counts the dead letters, and changes none." }),
};

const redriveBody = z.strictObject({
  ...selection,
  to: text("The logical name of the queue to send to. By default, the queue they came from.").optional(),
  rate_per_second: z
    .number()
    .positive()
    .optional()
    .meta({ description: "Messages that are sent each second." }),
});

const discardBody = z.strictObject(selection);

/** The routes for dead letters. Each reads the dead-letter queue of the provider. */
export function deadLetterRoutes(report: QueueReport): AnyRoute[] {
  return [
    route({
      method: "get",
      path: "/queues/{queue}/dead-letters",
      role: "viewer",
      isForAllTenants: true,
      operation: "listDeadLetters",
      tag: "Dead letters",
      summary: "List dead letters",
      params: queuePath,
      query: z.strictObject({ ...filterFields, limit: whole(1, 200, "Dead letters to read.").optional() }),
      answers: { 200: { description: "Dead letters that match.", schema: deadLettersSchema } },
      async handle({ jobs, path: { queue }, query: { limit = 50, ...filter }, signal }) {
        await demandQueue(report, queue);
        const found = await jobs.queue.deadLetters(queue).list({ ...filterOf(filter), limit, signal });
        return { status: 200, body: { dead_letters: found.map((one) => deadLetterJson(one)) } };
      },
    }),
    route({
      method: "get",
      path: "/queues/{queue}/dead-letters/groups",
      role: "viewer",
      isForAllTenants: true,
      operation: "groupDeadLetters",
      tag: "Dead letters",
      summary: "Group dead letters that failed alike",
      params: queuePath,
      query: z.strictObject(filterFields),
      answers: { 200: { description: "Groups, the most frequent first.", schema: groupsSchema } },
      async handle({ jobs, path: { queue }, query, signal }) {
        await demandQueue(report, queue);
        const groups = await jobs.queue.deadLetters(queue).groups({ ...filterOf(query), signal });
        return {
          status: 200,
          body: {
            groups: groups.map(({ firstAt, lastAt, example, ...group }) => ({
              ...group,
              first_at: firstAt.toISOString(),
              last_at: lastAt.toISOString(),
              example: deadLetterJson(example),
            })),
          },
        };
      },
    }),
    route({
      method: "post",
      path: "/queues/{queue}/dead-letters/redrive",
      role: "operator",
      isForAllTenants: true,
      operation: "redriveDeadLetters",
      tag: "Dead letters",
      summary: "Send dead letters to their queue again",
      params: queuePath,
      body: redriveBody,
      answers: { 200: { description: "The dead letters were sent.", schema: redriveSchema } },
      async handle({ jobs, path: { queue }, body, signal }) {
        const { to, rate_per_second: ratePerSecond, dry_run: dryRun = false, ...filter } = body;
        await demandQueue(report, queue);
        if (to !== undefined) await demandQueue(report, to);
        const options = { ...selected(filter), to, ratePerSecond, dryRun, signal };
        const result = await jobs.queue.deadLetters(queue).redrive(options);
        return { status: 200, body: { dry_run: dryRun, ...result } };
      },
    }),
    route({
      method: "post",
      path: "/queues/{queue}/dead-letters/discard",
      role: "admin",
      isForAllTenants: true,
      operation: "discardDeadLetters",
      tag: "Dead letters",
      summary: "Remove dead letters for good",
      params: queuePath,
      body: discardBody,
      answers: { 200: { description: "The dead letters were removed.", schema: discardSchema } },
      async handle({ jobs, path: { queue }, body, signal }) {
        const { dry_run: dryRun = false, ...filter } = body;
        await demandQueue(report, queue);
        const discarded = await jobs.queue
          .deadLetters(queue)
          .discard({ ...selected(filter), dryRun, signal });
        return { status: 200, body: { dry_run: dryRun, discarded } };
      },
    }),
  ];
}

type FilterInput = { readonly [Name in keyof typeof filterFields]?: z.output<(typeof filterFields)[Name]> };

function filterOf({ type, reason, fingerprint, since, until }: FilterInput): DeadLetterFilter {
  if (since !== undefined && until !== undefined && since > until)
    throw invalidRequest("since is after until, so no dead letter can match.", [
      { detail: "is after until", parameter: "since" },
    ]);
  return { type, reason, fingerprint, since, until };
}

type Selection = FilterInput & {
  readonly ids?: readonly string[] | undefined;
  readonly all?: true | undefined;
};

/** @throws Problem `invalid_request` without a condition, unless all dead letters are meant */
function selected({ all, ids, ...filter }: Selection): DeadLetterFilter {
  const hasCondition =
    ids !== undefined || Object.values(filter).some((condition) => condition !== undefined);
  if (hasCondition === (all === true))
    throw invalidRequest(
      hasCondition
        ? "The body has conditions, and all. Send one of them."
        : 'The body needs a condition, or {"all": true}, which means every dead letter of the queue.',
    );
  return { ...filterOf(filter), ids };
}

function deadLetterJson({ id, info, message, problem, fingerprint }: DeadLetter): object {
  return {
    id,
    type: message?.type,
    reason: info.reason,
    error: info.error,
    frame: info.frame,
    fingerprint,
    attempts: info.attempts,
    at: info.at.toISOString(),
    created_at: message?.createdAt.toISOString(),
    problem,
    payload: message?.payload,
  };
}
