import { createHash } from "node:crypto";

/** What SQS takes for a group or deduplication id: 1 to 128 letters, digits and punctuation marks. */
const SQS_ID = /^[A-Za-z0-9!-/:-@[-`{-~]{1,128}$/;
const ENCODED = "qp64:";

/** As it is where SQS takes it; else a digest, which keeps apart what is different. */
export function dedupIdOf(id: string): string {
  return SQS_ID.test(id) ? id : createHash("sha256").update(id).digest("hex");
}

/**
 * As it is where SQS takes it; else encoded, so that {@link orderingKeyOf} gives it back. One that is too long for
 * that becomes a digest: it keeps its order, and handlers see the digest.
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
