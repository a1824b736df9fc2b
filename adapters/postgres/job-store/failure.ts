import { sqlStateOf } from "../errors.ts";

/** SQLSTATE of a transaction that lost against another one, or waited too long for it: it can be repeated at once. */
const CONTENDED: ReadonlySet<string> = new Set(["40001", "40P01", "55P03"]);
/** Classes of SQLSTATE of a value that cannot be stored. */
const OF_VALUE = /^(?:22|23|54)/;

/** Whether a transaction failed only because of another one. */
export function isContended(error: unknown): boolean {
  return CONTENDED.has(sqlStateOf(error) ?? "");
}

/** Whether a transaction failed because of one of its values. */
export function isOfValue(error: unknown): boolean {
  return OF_VALUE.test(sqlStateOf(error) ?? "");
}
