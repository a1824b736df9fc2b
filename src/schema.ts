import type { StandardSchemaV1 } from "@standard-schema/spec";
import { QueueError } from "./errors.ts";
import { show } from "./text.ts";

/**
 * The payload as the schema gives it back.
 *
 * @throws QueueError `invalid_payload`, naming each issue with its path
 */
export async function validatePayload(
  schema: StandardSchemaV1,
  type: string,
  payload: unknown,
): Promise<unknown> {
  const validated = schema["~standard"].validate(payload);
  const result = validated instanceof Promise ? await validated : validated;
  if (result.issues === undefined) return result.value;
  const issues = result.issues.slice(0, 5).map(({ path, message }) => {
    const at = path?.map((part) => String(typeof part === "object" ? part.key : part)).join(".");
    return at === undefined || at === "" ? message : `${at}: ${message}`;
  });
  throw new QueueError(
    "invalid_payload",
    `The payload of ${show(type)} does not fit its schema: ${issues.join("; ")}.`,
  );
}
