import Table from "cli-table3";
import { colorsFor } from "./output.ts";

/** A table for a terminal, with a bold head. Columns are aligned left unless `align` states otherwise. */
export function formatTable(
  head: readonly string[],
  rows: readonly Table.HorizontalTableRow[],
  align: Table.TableConstructorOptions["colAligns"] = [],
): string {
  const { bold } = colorsFor(process.stdout);
  const table = new Table({
    head: head.map((title) => bold(title)),
    colAligns: align,
    style: { head: [], border: [] },
  });
  table.push(...rows);
  return table.toString();
}
