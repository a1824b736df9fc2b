import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type DecoderName, decoders } from "../../../src/interop/by-name.ts";
import { decode, type Decoded } from "../../../src/message/decode.ts";
import type { Decoder } from "../../../src/message/decoder.ts";
import { WireFormat } from "../../../src/message/format.ts";
import { delivery } from "../support.ts";

interface Case {
  readonly about: string;
  readonly body: string;
  readonly attributes?: Readonly<Record<string, string>>;
  /** The message; its times are text. */
  readonly message?: Readonly<Record<string, unknown>>;
  /** The attributes that the handler sees. */
  readonly visible?: Readonly<Record<string, string>>;
  readonly ignored?: true;
  readonly problem?: string;
  /** Whether the message is read without a decoder. */
  readonly always?: true;
}

const folder = new URL("../../golden/interop/", import.meta.url);
const enqueuedAt = Date.UTC(2026, 0, 1);
const names = Object.keys(decoders) as DecoderName[];
/** `event-bridge.json` → `eventBridge`. */
const nameOf = (file: string): DecoderName =>
  file.replace(".json", "").replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase()) as DecoderName;
const files = readdirSync(folder).map((file) => {
  const { source, cases } = JSON.parse(readFileSync(new URL(file, folder), "utf8")) as {
    readonly source: string;
    readonly cases: readonly Case[];
  };
  return { file, name: nameOf(file), source, cases };
});

function read({ body, attributes = {} }: Case, asked: readonly Decoder[], asBytes: boolean): Decoded {
  const reading = asked.length === 0 ? undefined : new WireFormat({ decode: asked }).readingOf("jobs");
  const given = asBytes ? new TextEncoder().encode(body) : body;
  return decode(delivery({ body: given, attributes, enqueuedAt, brokerId: "broker-1" }), 0, reading);
}

/** The result of a decoding in the form of its golden case. */
function resultOf(decoded: Decoded, { problem = "\0", visible }: Case): object {
  if (!decoded.ok && decoded.ignored === true) return { ignored: true };
  if (!decoded.ok) return { problem: decoded.problem.includes(problem) ? problem : decoded.problem };
  const { createdAt, scheduledAt, ...rest } = decoded.message;
  const times = { createdAt: createdAt.toISOString(), scheduledAt: scheduledAt?.toISOString() };
  return { message: { ...rest, ...times }, visible: visible && decoded.message.attributes };
}

function expectedOf({ message, visible, ignored, problem }: Case): object {
  const defaults = { headers: {}, maxAttempts: 5, createdAt: new Date(enqueuedAt).toISOString() };
  return { message: message && { ...defaults, ...message }, visible, ignored, problem };
}

test("every decoder has golden files, with the page of its shape and the month", () => {
  expect(files.map(({ name }) => name).toSorted()).toEqual(names.toSorted());
  for (const { source } of files) expect(source).toMatch(/^https:\/\/.* \(\d{4}-\d\d\)$/);
});

describe.each(files)("$file", ({ name, cases }) => {
  const all = names.map((one) => decoders[one]());
  const first = [decoders[name](), ...all.filter((_, index) => names[index] !== name)];

  test.each(cases)("is read as text and as bytes, whatever the order of the decoders: $about", (golden) => {
    for (const order of [first, all, all.toReversed()]) {
      expect(resultOf(read(golden, order, false), golden)).toEqual(expectedOf(golden));
      expect(resultOf(read(golden, order, true), golden)).toEqual(expectedOf(golden));
    }
  });

  test.each(cases.filter(({ always }) => always === true))("is read without a decoder: $about", (golden) => {
    expect(resultOf(read(golden, [], false), golden)).toEqual(expectedOf(golden));
    expect(resultOf(read(golden, [], true), golden)).toEqual(expectedOf(golden));
  });
});
