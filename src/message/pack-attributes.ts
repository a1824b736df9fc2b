import type { Attributes } from "../driver/contract.ts";
import type { Limits } from "../driver/limits.ts";
import { FOLDED } from "./system-attributes.ts";

/** What tells the type, and what others than queueport read on the way: these stay as they are. */
const NEVER_FOLDED: ReadonlySet<string> = new Set(["type", "Type", "traceparent", "tracestate"]);

function isOurs(name: string): boolean {
  return name.startsWith("qp_") || NEVER_FOLDED.has(name);
}

/** `qp_folded`, `qp_folded_2`, ... */
function partName(index: number): string {
  return index === 0 ? FOLDED : `${FOLDED}_${index + 1}`;
}

function isPart(name: string): boolean {
  return name === FOLDED || name.startsWith(`${FOLDED}_`);
}

/**
 * What we note on a message must fit beside attributes of other makers, which may be as many as the provider takes.
 * Where there are too many, the smallest of theirs are folded into one of ours (more, where one cannot hold them);
 * {@link unpackAttributes} brings them back exactly. Where even that does not help, all stay as they are.
 */
export function packAttributes(attributes: Attributes, limits: Limits): Attributes {
  let named = 0;
  for (const _ in attributes) named += 1;
  if (named <= limits.maxAttributes && attributes[FOLDED] === undefined) return attributes;
  const all = unpackAttributes(attributes);
  const foreign = Object.entries(all).filter(([name]) => !isOurs(name));
  const excess = Object.keys(all).length - limits.maxAttributes;
  if (excess <= 0) return all;
  foreign.sort((one, other) => one[0].length + one[1].length - other[0].length - other[1].length);
  for (let count = excess + 1; count <= foreign.length; count += 1) {
    const folded = foreign.slice(0, count);
    const parts = partsOf(Object.fromEntries(folded), limits.maxAttributeBytes);
    if (parts.length > count - excess) continue;
    const gone = new Set(folded.map(([name]) => name));
    const kept = Object.entries(all).filter(([name]) => !gone.has(name));
    return Object.fromEntries([
      ...kept,
      ...parts.map((part, index) => [partName(index), part]),
    ]) as Attributes;
  }
  return all;
}

/** Undoes {@link packAttributes}. What is not of its making is left as it came. */
export function unpackAttributes(attributes: Attributes): Attributes {
  if (attributes[FOLDED] === undefined) return attributes;
  let text = "";
  for (let index = 0; attributes[partName(index)] !== undefined; index += 1)
    text += attributes[partName(index)];
  try {
    const foreign = Object.entries(JSON.parse(text) as Record<string, unknown>);
    if (foreign.some(([, value]) => typeof value !== "string")) return attributes;
    const kept = Object.entries(attributes).filter(([name]) => !isPart(name));
    return Object.fromEntries([...kept, ...foreign]) as Attributes;
  } catch {
    return attributes;
  }
}

/** JSON in ASCII, so that it may be cut anywhere. */
function partsOf(foreign: Attributes, maxBytes: number): string[] {
  const text = JSON.stringify(foreign).replaceAll(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  const parts: string[] = [];
  for (let from = 0; from < text.length; from += maxBytes) parts.push(text.slice(from, from + maxBytes));
  return parts;
}
