import type { StandardSchemaV1 } from "@standard-schema/spec";
import { describeError, PermanentError } from "../../errors.ts";
import { show } from "../../lib/text.ts";
import { isDisposition } from "../../queue/disposition.ts";
import type { Json } from "../json.ts";
import type { EndChange } from "../store/change.ts";
import { jsonOf } from "./kept-json.ts";

/** Bytes of a result, as JSON, unless the worker says otherwise. */
export const MAX_RESULT_BYTES = 65_536;
/** The largest limit that a worker may set. */
export const LARGEST_RESULT_BYTES = 262_144;
const MAX_ISSUES = 5;

/** The parts of an end that say what a handler has returned. */
export type KeptResult = Pick<EndChange, "result" | "resultOmitted">;

/**
 * Returns the result to record. A result that is no JSON, or is too large, is left out: the job is complete all the same.
 *
 * @param refused called with the reason why it is left out
 */
export function keptResult(
  value: unknown,
  type: string,
  maxBytes: number,
  refused: (why: string) => void,
): KeptResult {
  // A disposition fails the run: nobody meant it as a result.
  if (value === undefined || isDisposition(value)) return {};
  let json: string;
  try {
    json = jsonOf(value, "result", `the result of ${show(type)}`);
  } catch (error) {
    refused(describeError(error));
    return { resultOmitted: "not_json" };
  }
  const bytes = Buffer.byteLength(json);
  if (bytes > maxBytes) {
    refused(`it has ${bytes} bytes, more than ${maxBytes}`);
    return { resultOmitted: "too_large" };
  }
  // Scalars are as they are. Anything else is copied, since the handler may go on changing it.
  const copy = typeof value === "object" ? (JSON.parse(json) as Json) : (value as Json);
  return { result: { value: copy } };
}

/**
 * Returns the output of the schema for a result.
 *
 * @throws PermanentError when the result does not match: the handler would return the same again
 */
export function validResult(schema: StandardSchemaV1, type: string, value: unknown): unknown {
  const checked = schema["~standard"].validate(value);
  return checked instanceof Promise ? checked.then((late) => outputOf(late, type)) : outputOf(checked, type);
}

function outputOf(checked: StandardSchemaV1.Result<unknown>, type: string): unknown {
  if (checked.issues === undefined) return checked.value;
  const issues = checked.issues.slice(0, MAX_ISSUES).map(({ message, path = [] }) => {
    const place = path.map((part) => String(typeof part === "object" ? part.key : part)).join(".");
    return place === "" ? message : `${place}: ${message}`;
  });
  throw new PermanentError(
    `The handler of ${show(type)} has returned a result that does not match the schema of its definition: ${issues.join("; ")}.`,
  );
}
