import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Delivery } from "../../../src/driver/contract.ts";
import { decode } from "../../../src/message/decode.ts";
import { encode } from "../../../src/message/envelope.ts";
import type { Message } from "../../../src/message/message.ts";
import {
  ATTEMPT,
  DEAD_LETTER,
  DEAD_LETTER_KEY,
  FOLDED,
  JOB,
  NOT_BEFORE,
  REDRIVE,
  TARGET,
  UNKNOWN_SINCE,
  DECIDED,
} from "../../../src/message/system-attributes.ts";

/** A message as a golden file holds it: its times are text. */
type Written = Partial<Omit<Message, "createdAt" | "scheduledAt">> & {
  readonly createdAt?: string;
  readonly scheduledAt?: string;
};

interface Golden {
  readonly about: string;
  readonly body: string;
  readonly attributes?: Readonly<Record<string, string>>;
}

/** Cases of a golden file. A change that breaks one also breaks the messages that are in queues now. */
function golden<Part>(name: string): (Golden & Part)[] {
  return JSON.parse(readFileSync(new URL(`../../golden/${name}.json`, import.meta.url), "utf8")) as (Golden &
    Part)[];
}

const enqueuedAt = Date.UTC(2026, 0, 1);

/** Fields of a message that its body does not contain. */
const implied: Omit<Message, "type" | "id" | "payload" | "attributes"> = {
  headers: {},
  maxAttempts: 5,
  createdAt: new Date(enqueuedAt),
  scheduledAt: undefined,
  backoff: undefined,
  trace: undefined,
  orderingKey: undefined,
};

function messageOf({ createdAt, scheduledAt, ...rest }: Written): Message {
  return {
    ...implied,
    ...(rest as Message),
    ...(createdAt !== undefined && { createdAt: new Date(createdAt) }),
    ...(scheduledAt !== undefined && { scheduledAt: new Date(scheduledAt) }),
  };
}

function deliveryOf({ body, attributes = {} }: Golden, asBytes = false): Delivery {
  return {
    body: asBytes ? new TextEncoder().encode(body) : body,
    attributes,
    deliveryCount: 1,
    leaseUntil: Number.POSITIVE_INFINITY,
    enqueuedAt,
    brokerId: "broker-1",
    receipt: undefined,
  };
}

/** Later than every time in the golden files. */
const NOW = Date.UTC(2027, 0);

describe("the wire format", () => {
  test.each(golden<{ message: Written }>("encoded"))(
    "encodes a message as the golden file does ($about)",
    ({ message, body, attributes }) => {
      expect(encode(messageOf(message))).toEqual({ body, attributes });
    },
  );

  test.each(golden<{ message: Written }>("encoded"))(
    "decodes an encoded message ($about)",
    ({ message, ...sent }) => {
      const decoded = decode(deliveryOf(sent), 0);
      expect(decoded).toEqual({ ok: true, message: messageOf(message), system: { attempt: 0, redrive: 0 } });
    },
  );

  test.each(golden<{ message: Written; system: object }>("understood"))(
    "decodes a body of another system ($about)",
    ({ message, system, ...sent }) => {
      const expected = { ok: true, message: messageOf(message), system };

      expect(decode(deliveryOf(sent), NOW)).toEqual(expected);
      expect(decode(deliveryOf(sent, true), NOW)).toEqual(expected);
    },
  );

  test.each(golden<{ problem: string }>("malformed"))(
    "refuses a malformed body ($about)",
    ({ problem, ...sent }) => {
      const refused = { ok: false, problem: expect.stringContaining(problem) as string };
      expect(decode(deliveryOf(sent), 0)).toMatchObject(refused);
      expect(decode(deliveryOf(sent, true), 0)).toMatchObject(refused);
    },
  );

  test("refuses bytes that are not UTF-8", () => {
    const delivery = { ...deliveryOf({ about: "", body: "" }), body: Uint8Array.of(0x22, 0xff, 0x22) };
    expect(decode(delivery, 0)).toMatchObject({ ok: false, problem: expect.stringContaining("not JSON") });
  });
});

test("the page on the wire format shows a valid body, and names every system attribute", () => {
  const page = readFileSync(new URL("../../../docs/wire-format.md", import.meta.url), "utf8");
  const body = /```json\n([\s\S]*?)```/.exec(page)?.[1] ?? "";
  expect(decode(deliveryOf({ about: "", body }), 0)).toMatchObject({ ok: true });

  const names = new Set([...page.matchAll(/`(qp_\w+)`/g)].map(([, name]) => name));
  const all = [
    ATTEMPT,
    DEAD_LETTER,
    DEAD_LETTER_KEY,
    DECIDED,
    FOLDED,
    JOB,
    NOT_BEFORE,
    REDRIVE,
    TARGET,
    UNKNOWN_SINCE,
  ];
  names.delete("qp_");
  expect(names).toEqual(new Set(all));
});
