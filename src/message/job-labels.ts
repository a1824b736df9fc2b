/** The priorities of a message, from the lowest to the highest. */
export const PRIORITIES = ["low", "normal", "high", "critical"] as const;

/** The priority of a message. It is recorded with the job, and does not change the order of delivery. */
export type Priority = (typeof PRIORITIES)[number];

/** The priority that a sender of any version wrote; undefined if this version does not know it. */
export function readPriority(value: unknown): Priority | undefined {
  return PRIORITIES.find((priority) => priority === value);
}

const MAX_TENANT_BYTES = 128;
// oxlint-disable-next-line no-control-regex -- finds control characters
const CONTROL = /[\u0000-\u001f\u007f]/;

/** The tenant that a sender of any version wrote; undefined if it is no text of 1 to 128 bytes without control characters. */
export function readTenant(value: unknown): string | undefined {
  if (typeof value !== "string" || value === "" || CONTROL.test(value) || !value.isWellFormed())
    return undefined;
  return Buffer.byteLength(value) <= MAX_TENANT_BYTES ? value : undefined;
}
