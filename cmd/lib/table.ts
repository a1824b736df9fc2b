import Table from "cli-table3";
import { stripVTControlCharacters } from "node:util";
import { colorsFor } from "./output.ts";

/** Width of the output, in characters, if it is no terminal. */
const WIDTH = 80;
/** Smallest width of the column that gives way. */
const LEAST = 10;

/** The width of the terminal, in characters; 80 in a pipe or a file. */
function outputWidth(): number {
  return process.stdout.columns ?? WIDTH;
}

/** A text that is cut so that it ends within the terminal, if `used` characters of the line are taken. */
export function fit(text: string, used: number): string {
  return cut(text, Math.max(2 * LEAST, outputWidth() - used));
}

/** A text of at most `most` characters. A longer one ends in an ellipsis. */
export function cut(text: string, most: number): string {
  if (text.length <= most) return text;
  return `${Array.from(text.slice(0, 2 * most))
    .slice(0, most - 1)
    .join("")}…`;
}

/** The width of one more column, in characters, in a table with these columns that fits the terminal. */
export function roomBeside(rows: readonly (readonly string[])[]): number {
  const columns = rows[0]?.length ?? 0;
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => widthOf(row[column]))),
  );
  // Each column has a border and two spaces, and the table has a last border.
  return Math.max(LEAST, outputWidth() - widths.reduce((sum, width) => sum + width + 3, 1) - 3);
}

/** A row of a table: one text for each column, or an error in place of all columns but the first. */
export type Row = readonly (string | number)[] | { readonly name: string; readonly error: string };

/**
 * A table that fits the terminal, with a bold head. The first column is aligned left, and is broken into lines if the
 * table is too wide. The others are aligned as `align` states.
 */
export function formatTable(
  head: readonly string[],
  rows: readonly Row[],
  align: "left" | "right" = "left",
): string {
  const { bold } = colorsFor(process.stdout);
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => ("error" in row ? 0 : widthOf(row[column])))),
  );
  const names = rows.map((row) => ("error" in row ? row.name.length : 0));
  widths[0] = Math.max(widths[0] ?? 0, ...names);
  // Each column has a border and two spaces, and the table has a last border.
  const others = widths.slice(1).reduce((sum, width) => sum + width + 3, 1);
  const first = Math.min(widths[0], Math.max(LEAST, outputWidth() - others - 3));
  const table = new Table({
    head: head.map((title) => bold(title)),
    colAligns: head.map((_title, column) => (column === 0 ? "left" : align)),
    colWidths: [first, ...widths.slice(1)].map((width) => width + 2),
    wordWrap: true,
    style: { head: [], border: [] },
  });
  for (const row of rows) {
    if ("error" in row) table.push([broken(row.name, first), errorCell(row.error, widths.slice(1))]);
    else table.push([broken(String(row[0] ?? ""), first), ...row.slice(1)]);
  }
  return table.toString();
}

/** A cell across the columns of these widths. Words that are wider than the cell are broken. */
function errorCell(error: string, widths: readonly number[]): Table.CellOptions {
  const width = widths.reduce((sum, one) => sum + one + 3, -3);
  const words = error.replaceAll(new RegExp(`\\S{${width}}(?=\\S)`, "g"), "$& ");
  const content = colorsFor(process.stdout).red(words);
  return { colSpan: widths.length, content, hAlign: "left" };
}

/**
 * A plain text in lines of at most `width` characters. The table itself would break a text that is no word by its
 * characters, those of the colours included.
 */
function broken(text: string, width: number): string {
  return text.replaceAll(new RegExp(`[^\\n]{${width}}(?=[^\\n])`, "g"), "$&\n");
}

function widthOf(cell: string | number | undefined): number {
  return stripVTControlCharacters(String(cell ?? "")).length;
}
