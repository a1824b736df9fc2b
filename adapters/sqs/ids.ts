import { createHash } from "node:crypto";

/**
 * A valid group id or deduplication id: 1 to 128 letters, digits and punctuation marks.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html (2026-11)
 */
const SQS_ID = /^[A-Za-z0-9!-/:-@[-`{-~]{1,128}$/;
const ENCODED = "qp64:";

/** The deduplication id of an id: the id itself if SQS accepts it, otherwise its SHA-256 digest. */
export function dedupIdOf(id: string): string {
  return SQS_ID.test(id) ? id : createHash("sha256").update(id).digest("hex");
}

/**
 * The group id of an ordering key: the key itself if SQS accepts it, otherwise encoded so that {@link orderingKeyOf} can
 * decode it. A key that is too long for that becomes a digest: order is kept, and handlers get the digest as key.
 */
export function groupIdOf(key: string): string {
  if (SQS_ID.test(key) && !key.startsWith(ENCODED)) return key;
  const encoded = `${ENCODED}${Buffer.from(key).toString("base64url")}`;
  return SQS_ID.test(encoded) ? encoded : dedupIdOf(key);
}

/** Undoes {@link groupIdOf}. */
export function orderingKeyOf(groupId: string): string {
  return groupId.startsWith(ENCODED)
    ? Buffer.from(groupId.slice(ENCODED.length), "base64url").toString()
    : groupId;
}
