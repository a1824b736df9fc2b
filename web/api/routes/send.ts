import { z } from "zod";
import { invalidRequest, problemOf } from "../problem.ts";
import { keyOf } from "../idempotency.ts";
import { type AnyRoute, type Reply, route } from "../route.ts";
import { jobSchema, outcomesSchema, problemSchema, untrackedSchema } from "../schemas.ts";
import { newJobSchema, sendJob, type SendContext } from "../send-job.ts";

/** Jobs that one request may send. */
const MAX_JOBS = 1_000;

/** The routes that send jobs. */
export function sendRoutes(): AnyRoute[] {
  return [
    route({
      method: "post",
      path: "/jobs",
      role: "operator",
      operation: "sendJob",
      tag: "Jobs",
      summary: "Send a job, or several",
      description: `An array of up to ${MAX_JOBS} jobs is answered by 207, with one outcome for each. A repeated request with the same Idempotency-Key, or with the same id, is answered by the job of the first.`,
      headers: [
        {
          name: "Idempotency-Key",
          description: "Names the request: 1 to 255 characters. Not together with an id.",
        },
      ],
      body: z.unknown(),
      documentedBody: z.union([newJobSchema, z.array(newJobSchema).max(MAX_JOBS)]),
      answers: {
        201: {
          description: "The job was sent and recorded.",
          schema: jobSchema,
          headers: { Location: "The path of the job." },
        },
        200: {
          description: "A job with this key or id was there before. It was not sent again.",
          schema: jobSchema,
          headers: { "Idempotency-Replayed": "true" },
        },
        202: {
          description:
            "The job was sent, and is not recorded: the job store could not be reached, or its type is not tracked.",
          schema: untrackedSchema,
        },
        207: { description: "The outcomes of several jobs.", schema: outcomesSchema },
        422: {
          description:
            "The type is unknown, or the payload does not fit its schema. `errors` then has each place of it.",
          schema: problemSchema,
          mediaType: "application/problem+json",
        },
        429: {
          description: "The queue has as many unfinished jobs as it may have.",
          schema: problemSchema,
          mediaType: "application/problem+json",
          headers: { "Retry-After": "Seconds until another try." },
        },
      },
      async handle({ body, ...call }) {
        const context = { ...call, key: keyOf(call.request, call.caller) };
        return Array.isArray(body) ? sendAll(context, body) : sendOne(context, body);
      },
    }),
  ];
}

async function sendOne(context: SendContext, body: unknown): Promise<Reply> {
  if (body === undefined)
    throw invalidRequest(
      'The body of the request is missing; send JSON such as {"type": "email", "payload": {}}.',
    );
  const { status, record, warning, isReplayed } = await sendJob(context, body);
  const path = `${context.settings.basePath}/jobs/${encodeURIComponent(record.id)}`;
  return {
    status,
    body: record,
    headers: {
      ...(status === 202 ? {} : { location: path }),
      ...(isReplayed ? { "idempotency-replayed": "true" } : {}),
      ...(warning === undefined ? {} : { "queueport-warning": warning }),
    },
  };
}

async function sendAll(context: SendContext, bodies: readonly unknown[]): Promise<Reply> {
  if (bodies.length === 0)
    throw invalidRequest("The body of the request is an empty array; send one job or more.");
  if (bodies.length > MAX_JOBS)
    throw invalidRequest(
      `One request sends at most ${MAX_JOBS} jobs; got ${bodies.length}. Send several requests.`,
    );
  // Together, so that they share requests to the provider and to the store.
  const outcomes = await Promise.all(bodies.map((body, index) => outcomeOf(context, body, index)));
  return { status: 207, body: { outcomes } };
}

async function outcomeOf(context: SendContext, body: unknown, index: number): Promise<object> {
  try {
    const { status, record, warning, isReplayed } = await sendJob(context, body, index);
    return {
      status,
      job: record,
      ...(isReplayed ? { replayed: true } : {}),
      ...(warning === undefined ? {} : { warning }),
    };
  } catch (error) {
    const problem = problemOf(error);
    if (problem.status >= 500) context.settings.onError(problem.cause ?? error, context.request);
    return { status: problem.status, problem };
  }
}
