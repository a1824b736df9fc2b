import type { Jobs } from "../../src/jobs/jobs.ts";
import { closest } from "../../src/lib/closest.ts";
import { show } from "../../src/lib/text.ts";
import { type Caller } from "./caller.ts";
import { Problem } from "./problem.ts";

/** Types that a sentence lists. */
const LISTED = 20;

/**
 * Refuses a job whose type nobody would handle: one that is neither defined, nor handled by a live worker.
 * @throws Problem `unknown_type`, with the type that was probably meant; `forbidden` when the caller may not send it
 */
export async function demandKnownType(
  type: string,
  jobs: Jobs,
  { types: allowed }: Caller,
  anyType: boolean,
): Promise<void> {
  if (allowed !== undefined && !allowed.includes(type))
    throw new Problem(
      403,
      "forbidden",
      `The caller may not send jobs of type ${show(type)}; it may send ${listed(allowed)}.`,
    );
  if (anyType || jobs.types.includes(type)) return;
  const known = await typesOf(jobs);
  if (known.includes(type)) return;
  const near = closest(type, known);
  const hint =
    near !== undefined
      ? `Did you mean ${show(near)}?`
      : `Known: ${listed(known)}. Give createJobs its definition, start a worker that handles it, or set anyType.`;
  throw new Problem(422, "unknown_type", `No job type ${show(type)} is known here. ${hint}`);
}

/** The types that are defined, and those that live workers handle. */
export async function typesOf(jobs: Jobs): Promise<string[]> {
  // A store that is down must not make a type unknown that is defined.
  const workers = await jobs.workers().catch(() => []);
  return [...new Set([...jobs.types, ...workers.flatMap(({ types }) => types)])].toSorted();
}

function listed(types: readonly string[]): string {
  if (types.length === 0) return "none";
  const more = types.length > LISTED ? ` and ${types.length - LISTED} more` : "";
  return `${types
    .slice(0, LISTED)
    .map((type) => show(type))
    .join(", ")}${more}`;
}
