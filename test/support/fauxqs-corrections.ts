import { DatabaseSync } from "node:sqlite";

/**
 * Corrects fauxqs in two places where it differs from SQS in ways that would hide faults of the adapter, and makes it
 * faster. Call this before a server is created.
 */
export async function correctFauxqs(): Promise<void> {
  await acceptAllUnicode();
  keepReceiveCounts();
  skipDiskSyncs();
}

/** SQS accepts all characters of XML 1.0. fauxqs refuses those above U+FFFF, which include every emoji. */
async function acceptAllUnicode(): Promise<void> {
  const types = new URL("./sqs/sqsTypes.js", import.meta.resolve("fauxqs")).href;
  const { INVALID_MESSAGE_BODY_CHAR } = (await import(types)) as {
    readonly INVALID_MESSAGE_BODY_CHAR: RegExp;
  };
  // Changes the constant in place, because fauxqs reads the rule from nowhere else.
  INVALID_MESSAGE_BODY_CHAR.compile(
    "[^\\x09\\x0A\\x0D\\x20-\\uD7FF\\uE000-\\uFFFD\\u{10000}-\\u{10FFFF}]",
    "u",
  );
}

/**
 * Keeps the receive count of a message that is released. On disk, fauxqs sets the count to null, which its own table
 * refuses: the request fails, and the message is lost.
 */
function keepReceiveCounts(): void {
  // oxlint-disable-next-line typescript/unbound-method -- called with its database below
  const { prepare } = DatabaseSync.prototype;
  const columns = /(approximate_receive_count|approximate_first_receive_timestamp) = \?/g;
  DatabaseSync.prototype.prepare = function prepareKept(sql, ...rest) {
    return prepare.call(this, sql.replace(columns, "$1 = COALESCE(?, $1)"), ...rest);
  };
}

/** Skips the sync after each write. Tests kill the process, not the machine, so the kernel keeps written pages. */
function skipDiskSyncs(): void {
  // oxlint-disable-next-line typescript/unbound-method -- called with its database below
  const { exec } = DatabaseSync.prototype;
  DatabaseSync.prototype.exec = function execQuick(sql): void {
    exec.call(this, sql);
    if (sql.includes("journal_mode = WAL")) exec.call(this, "PRAGMA synchronous = NORMAL");
  };
}
