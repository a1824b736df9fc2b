import type { Attributes } from "../driver/contract.ts";
import type { Limits } from "../driver/limits.ts";
import { escapeNonCharacters } from "../lib/text.ts";
import { FOLDED } from "./system-attributes.ts";

/** Attributes that other programs read: the type, and the trace context. They are never packed. */
const NEVER_PACKED: ReadonlySet<string> = new Set(["type", "Type", "traceparent", "tracestate"]);

/** Whether an attribute is queueport's own, or one that other programs read by its name. */
export function isNeverPacked(name: string): boolean {
  return name.startsWith("qp_") || NEVER_PACKED.has(name);
}

/** Returns `qp_folded`, `qp_folded_2` and so on. */
function partName(index: number): string {
  return index === 0 ? FOLDED : `${FOLDED}_${index + 1}`;
}

function isPart(name: string): boolean {
  return name === FOLDED || name.startsWith(`${FOLDED}_`);
}

/**
 * Reduces the number of attributes to the provider's limit. The attributes of other programs may already use the whole
 * limit, and queueport's own must fit as well. The smallest foreign attributes are packed into one attribute, or into
 * more if one cannot hold them; {@link unpackAttributes} restores them exactly. If packing does not help, all
 * attributes stay unchanged.
 */
export function packAttributes(given: Attributes, limits: Limits): Attributes {
  const attributes = withoutReserved(given, limits);
  let named = 0;
  for (const _ in attributes) named += 1;
  if (named <= limits.maxAttributes && attributes[FOLDED] === undefined) return attributes;
  const all = unpackAttributes(attributes);
  const foreign = Object.entries(all).filter(([name]) => !isNeverPacked(name));
  const excess = Object.keys(all).length - limits.maxAttributes;
  if (excess <= 0) return all;
  foreign.sort((one, other) => one[0].length + one[1].length - other[0].length - other[1].length);
  for (let count = excess + 1; count <= foreign.length; count += 1) {
    const packed = foreign.slice(0, count);
    const parts = partsOf(Object.fromEntries(packed), limits.maxAttributeBytes);
    if (parts.length > count - excess) continue;
    const gone = new Set(packed.map(([name]) => name));
    const kept = Object.entries(all).filter(([name]) => !gone.has(name));
    return Object.fromEntries([
      ...kept,
      ...parts.map((part, index) => [partName(index), part]),
    ]) as Attributes;
  }
  return all;
}

/** Leaves off the attributes that the provider sets itself. It refuses them from a sender, and sets them again. */
function withoutReserved(attributes: Attributes, { reservedAttributePrefix: prefix }: Limits): Attributes {
  if (prefix === undefined) return attributes;
  for (const name in attributes) {
    if (!name.startsWith(prefix)) continue;
    return Object.fromEntries(Object.entries(attributes).filter(([one]) => !one.startsWith(prefix)));
  }
  return attributes;
}

/** Reverses {@link packAttributes}. Attributes that it has not packed are returned unchanged. */
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

/** Returns a frozen copy of the attributes without queueport's own, with those restored that were packed. */
export function foreignAttributes(attributes: Attributes): Attributes {
  const foreign = Object.entries(unpackAttributes(attributes)).filter(([name]) => !name.startsWith("qp_"));
  return Object.freeze(Object.fromEntries(foreign));
}

/**
 * Encodes attributes as JSON, divided between characters into parts of at most `maxBytes`. Characters outside of ASCII
 * stay as they are: an escape takes up to three times their bytes.
 */
function partsOf(foreign: Attributes, maxBytes: number): string[] {
  const text = escapeNonCharacters(JSON.stringify(foreign));
  const parts: string[] = [];
  let [part, bytes] = ["", 0];
  for (const character of text) {
    const more = Buffer.byteLength(character);
    if (bytes + more > maxBytes) {
      parts.push(part);
      [part, bytes] = ["", 0];
    }
    part += character;
    bytes += more;
  }
  return [...parts, part];
}
