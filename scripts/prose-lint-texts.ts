import { fromMarkdown } from "mdast-util-from-markdown";
import { type Comment, type Expression, parseSync, Visitor } from "oxc-parser";

/** The place that a text was taken from. It decides which rules apply. */
export type Kind = "doc" | "comment" | "markdown" | "heading" | "test" | "help";

/** A paragraph for a reader. Its line breaks are those of the file, so that an offset leads to a line. */
export interface Text {
  readonly kind: Kind;
  /** The line of the file on which the text begins, from 1. */
  readonly line: number;
  readonly text: string;
}

/** The texts of a TypeScript file that the linter can read. */
export interface Wanted {
  readonly comments: boolean;
  readonly tests: boolean;
  readonly help: boolean;
}

/** Comments for tools, which nobody reads as prose. */
const DIRECTIVE = /^\s*(?:oxlint|eslint|oxfmt|prettier|knip|@ts-|@vitest|v8 |c8 |istanbul|#|\/ ?<|https?:)/;
/** A tag of TSDoc with the name, the type or the hyphen that follows it. */
const TAG = /^\s*@(\w+)(?:\s+\{[^}]*\})?/;
const LIST_ITEM = /^\s*(?:[-*+]|\d+\.)\s+/;

/** Reads comments, test names and help texts from TypeScript. */
export function textsOfSource(file: string, source: string, wanted: Wanted): Text[] {
  const { comments, program } = parseSync(file, source);
  const lineOf = lineCounter(source);
  const texts = wanted.comments ? textsOfComments(comments, source, lineOf) : [];
  const add = (kind: Kind, node: Expression | undefined): void => {
    const text = node === undefined ? undefined : stringOf(node);
    if (node !== undefined && text !== undefined) texts.push({ kind, line: lineOf(node.start), text });
  };
  const visitCall = (callee: Expression, args: readonly Expression[]): void => {
    const name = nameOf(callee);
    if (wanted.tests && /^(?:test|it)$/.test(rootOf(callee))) add("test", args[0]);
    if (wanted.tests && isCase(args)) add("test", args[1]);
    if (!wanted.help) return;
    if (/^(?:description|summary|addHelpText)$/.test(name)) for (const one of args) add("help", one);
    if (/^(?:option|requiredOption|argument|Option|Argument)$/.test(name)) add("help", args[1]);
  };
  new Visitor({
    CallExpression: (node) => visitCall(node.callee, node.arguments as Expression[]),
    NewExpression: (node) => visitCall(node.callee, node.arguments as Expression[]),
  }).visit(program);
  return texts.toSorted((one, other) => one.line - other.line);
}

/** Reads paragraphs, headings and table cells from Markdown. Code blocks and HTML are left out. */
export function textsOfMarkdown(source: string): Text[] {
  const texts: Text[] = [];
  const visit = (node: MarkdownNode): void => {
    if (node.type === "paragraph" || node.type === "heading") {
      const [begin, end] = span(node);
      const kind = node.type === "heading" ? "heading" : "markdown";
      const text = blanked(source, node).slice(begin, end);
      texts.push({ kind, line: node.position?.start.line ?? 1, text: withoutTableHead(text) });
    } else {
      for (const child of node.children ?? []) visit(child);
    }
  };
  visit(fromMarkdown(source));
  return texts;
}

/** The slice of a node of mdast that is used here. */
interface MarkdownNode {
  readonly type: string;
  readonly children?: readonly MarkdownNode[];
  readonly position?: { readonly start: Point; readonly end: Point } | undefined;
}

interface Point {
  readonly line: number;
  readonly offset?: number | undefined;
}

function span({ position }: MarkdownNode): [begin: number, end: number] {
  return [position?.start.offset ?? 0, position?.end.offset ?? 0];
}

/** Replaces HTML and the address of each link by spaces. Offsets stay as they are. */
function blanked(source: string, node: MarkdownNode): string {
  let text = source;
  const blank = (begin: number, end: number): void => {
    text = text.slice(0, begin) + text.slice(begin, end).replaceAll(/[^\n]/g, " ") + text.slice(end);
  };
  for (const child of node.children ?? []) {
    const [begin, end] = span(child);
    if (child.type === "html") blank(begin, end);
    else if (child.type === "link" || child.type === "image") {
      const address = source.lastIndexOf("](", end);
      if (address > begin) blank(address + 1, end);
    }
    if (child.children !== undefined) text = blanked(text, child);
  }
  return text;
}

/** Blanks the column headings of a table, which are no sentences. */
function withoutTableHead(text: string): string {
  const [head = "", rule = ""] = text.split("\n");
  return /^\|[\s:|-]+\|$/.test(rule) ? `\n${text.slice(head.length + 1 + rule.length)}` : text;
}

function textsOfComments(
  comments: readonly Comment[],
  source: string,
  lineOf: (offset: number) => number,
): Text[] {
  const blocks: { kind: Kind; line: number; isOpen: boolean; lines: string[] }[] = [];
  for (const { type, value, start } of comments.filter((comment) => !DIRECTIVE.test(comment.value))) {
    const line = lineOf(start);
    const last = blocks.at(-1);
    const isAlone = source.slice(source.lastIndexOf("\n", start - 1) + 1, start).trim() === "";
    if (type === "Block") {
      const lines = value.split("\n").map((one) => one.replace(/^\s*\*/, ""));
      blocks.push({ kind: value.startsWith("*") ? "doc" : "comment", line, isOpen: false, lines });
    } else if (isAlone && last?.isOpen === true && line === last.line + last.lines.length) {
      // Line comments below one another are one paragraph.
      last.lines.push(value);
    } else {
      blocks.push({ kind: "comment", line, isOpen: isAlone, lines: [value] });
    }
  }
  return blocks.flatMap(({ kind, line, lines }) => paragraphs(kind, line, lines));
}

/** Splits a comment at empty lines, list items and tags. Examples and fenced code are left out. */
function paragraphs(kind: Kind, line: number, lines: readonly string[]): Text[] {
  const texts: Text[] = [];
  let current: { readonly line: number; readonly lines: string[] } | undefined;
  let isCode = false;
  let isFenced = false;
  const end = (): void => {
    if (current !== undefined) texts.push({ kind, line: current.line, text: current.lines.join("\n") });
    current = undefined;
  };
  for (const [index, raw] of lines.entries()) {
    let text = raw;
    if (text.trim().startsWith("```")) {
      isFenced = !isFenced;
      end();
      continue;
    }
    const tag = isFenced ? undefined : TAG.exec(text);
    if (tag !== undefined && tag !== null) {
      end();
      isCode = tag[1] === "example";
      text = text.slice(tag[0].length);
      if (tag[1] === "param" || tag[1] === "typeParam") text = text.replace(/^\s+\S+(?:\s+-)?/, "");
    }
    if (isCode || isFenced || text.trim() === "") {
      end();
      continue;
    }
    if (LIST_ITEM.test(text)) end();
    current ??= { line: line + index, lines: [] };
    current.lines.push(text.replace(LIST_ITEM, "").trim());
  }
  end();
  return texts;
}

/** The first argument of a conformance case is the id of a line of the manifest, the second its name. */
function isCase([id, , run]: readonly Expression[]): boolean {
  return id?.type === "Literal" && /^[a-z-]+(?:\.[a-z-]+)+$/.test(String(id.value)) && run !== undefined;
}

/** `test` for `test.each(rows)("…")`, and for every other form of a call on it. */
function rootOf(callee: Expression): string {
  if (callee.type === "Identifier") return callee.name;
  if (callee.type === "MemberExpression") return rootOf(callee.object);
  return callee.type === "CallExpression" ? rootOf(callee.callee) : "";
}

function nameOf(callee: Expression): string {
  if (callee.type === "Identifier") return callee.name;
  return callee.type === "MemberExpression" && callee.property.type === "Identifier"
    ? callee.property.name
    : "";
}

/** A string literal, a template or a sum of both; values are written as `%s`. */
function stringOf(node: Expression): string | undefined {
  if (node.type === "Literal") return typeof node.value === "string" ? node.value : undefined;
  if (node.type === "TemplateLiteral")
    return node.quasis.map(({ value }) => value.cooked ?? value.raw).join("%s");
  if (node.type !== "BinaryExpression") return undefined;
  const [left, right] = [stringOf(node.left as Expression), stringOf(node.right)];
  return left === undefined || right === undefined ? undefined : left + right;
}

function lineCounter(source: string): (offset: number) => number {
  const starts = [0, ...Array.from(source.matchAll(/\n/g), ({ index }) => index + 1)];
  return (offset) => {
    const after = starts.findIndex((start) => start > offset);
    return after < 0 ? starts.length : after;
  };
}
