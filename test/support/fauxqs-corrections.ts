import { DatabaseSync } from "node:sqlite";

/**
 * Makes fauxqs do what the service does, in two places where it does something else that would hide what we test; and
 * do it faster.
 * Call it before a server is made.
 */
export async function correctFauxqs(): Promise<void> {
  await takeAllUnicode();
  keepReceiveCounts();
  spareTheDisk();
}

/** The service takes all that XML 1.0 has; fauxqs leaves out what lies beyond U+FFFF, and so every emoji. */
async function takeAllUnicode(): Promise<void> {
  const types = new URL("./sqs/sqsTypes.js", import.meta.resolve("fauxqs")).href;
  const { INVALID_MESSAGE_BODY_CHAR } = (await import(types)) as {
    readonly INVALID_MESSAGE_BODY_CHAR: RegExp;
  };
  // Its own constant, in place: it is not asked for anywhere else.
  INVALID_MESSAGE_BODY_CHAR.compile(
    "[^\\x09\\x0A\\x0D\\x20-\\uD7FF\\uE000-\\uFFFD\\u{10000}-\\u{10FFFF}]",
    "u",
  );
}

/**
 * A message that is given back keeps its receive count. On disk, fauxqs sets it to null, which its own table refuses:
 * the request fails, and the message is gone.
 */
function keepReceiveCounts(): void {
  // oxlint-disable-next-line typescript/unbound-method -- it is given its database again below
  const { prepare } = DatabaseSync.prototype;
  const columns = /(approximate_receive_count|approximate_first_receive_timestamp) = \?/g;
  DatabaseSync.prototype.prepare = function prepareKept(sql, ...rest) {
    return prepare.call(this, sql.replace(columns, "$1 = COALESCE(?, $1)"), ...rest);
  };
}

/** Its process is killed, its machine is not unplugged: what the operating system has is safe without a sync each time. */
function spareTheDisk(): void {
  // oxlint-disable-next-line typescript/unbound-method -- it is given its database again below
  const { exec } = DatabaseSync.prototype;
  DatabaseSync.prototype.exec = function execQuick(sql): void {
    exec.call(this, sql);
    if (sql.includes("journal_mode = WAL")) exec.call(this, "PRAGMA synchronous = NORMAL");
  };
}
