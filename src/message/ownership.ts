/** The fields of a JSON object. */
export type Fields = Readonly<Record<string, unknown>>;

/** All fields of the envelope. `attempts` is among them, since earlier producers write it, although it is ignored. */
const ENVELOPE: ReadonlySet<string> = new Set([
  "id",
  "type",
  "payload",
  "payload_encoding",
  "headers",
  "max_attempts",
  "created_at",
  "scheduled_at",
  "backoff",
  "attempts",
]);

/**
 * Fields of the envelope that count only beside a payload. Data of other systems has fields of these names as well, and
 * would be lost if it were taken for an envelope without a payload.
 */
const BESIDE_PAYLOAD: ReadonlySet<string> = new Set(["priority", "tenant"]);

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Returns whether a body is an envelope of queueport. Many systems write JSON with a field `type`, so that one field is
 * no proof. A body is an envelope if it has a type and a payload; or if it has one of the two, and no field that an
 * envelope does not have. Any other body is the data of another system.
 *
 * @param attributeType the type in an attribute. A producer of envelopes writes the same type into both places, so a body
 * without a payload that has another type is no envelope.
 */
export function isEnvelope(fields: Fields, attributeType: string | undefined): boolean {
  const { type } = fields;
  const hasPayload = Object.hasOwn(fields, "payload");
  if (hasPayload && typeof type === "string") return true;
  if (!hasPayload && !Object.hasOwn(fields, "type")) return false;
  for (const name in fields)
    if (!ENVELOPE.has(name) && !(hasPayload && BESIDE_PAYLOAD.has(name))) return false;
  return hasPayload || attributeType === undefined || typeof type !== "string" || type === attributeType;
}
