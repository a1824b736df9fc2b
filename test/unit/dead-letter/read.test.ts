import { expect, test } from "vitest";
import { readDeadLetter } from "../../../src/dead-letter/read.ts";
import type { Delivery } from "../../../src/driver/contract.ts";
import { delivery } from "../support.ts";

const NOW = Date.UTC(2026, 0, 2);
const dlq = (fields: object): string =>
  JSON.stringify({
    reason: "max_attempts",
    error: "no",
    attempts: 3,
    source: "jobs",
    at: "2026-01-01T00:00:00Z",
    ...fields,
  });
const body = JSON.stringify({ id: "m1", type: "mail", payload: { of: "m1" } });
const read = (fields: Partial<Delivery>): ReturnType<typeof readDeadLetter> =>
  readDeadLetter(delivery({ body, attributes: {}, ...fields }), "jobs", NOW);

test("a dead letter shows its message, its details and the attributes of other programs", () => {
  const deadLetter = read({ attributes: { theirs: "x", qp_dlq: dlq({}) } });

  expect(deadLetter).toMatchObject({ id: "m1", attributes: { theirs: "x" }, problem: undefined, body });
  expect(deadLetter.info).toMatchObject({ reason: "max_attempts", attempts: 3, error: "no" });
});

test("an invalid time is replaced by the time at which the dead letter arrived, and is named", () => {
  const deadLetter = read({
    attributes: { qp_dlq: dlq({ at: "soon", first_seen_at: "once" }) },
    enqueuedAt: NOW - 5,
  });

  expect(deadLetter.info.at).toEqual(new Date(NOW - 5));
  expect(deadLetter.message?.id).toBe("m1");
  expect(deadLetter.problem).toBe("qp_dlq has invalid fields: at, first_seen_at");
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, 9e15])(
  "a time of arrival of %d is replaced by the present",
  (enqueuedAt) => {
    expect(read({ enqueuedAt }).info.at).toEqual(new Date(NOW));
  },
);

test("details that are no JSON leave what the broker knows, and are named", () => {
  const deadLetter = read({
    attributes: { qp_dlq: "{" },
    deadLetter: { reason: "r".repeat(9_000), description: "d".repeat(9_000) },
  });

  expect(deadLetter.info).toMatchObject({ reason: `broker:${"r".repeat(1_000)}`, error: "d".repeat(1_000) });
  expect(deadLetter.problem).toBe("qp_dlq is not JSON");
});

test("a body that cannot be read is kept, with the reason", () => {
  const deadLetter = read({ body: "{", brokerId: "b1" });

  expect(deadLetter).toMatchObject({ id: "b1", message: undefined, body: "{" });
  expect(deadLetter.problem).toMatch(/^the body is not JSON/);
});

test.each([1_001, 100_000])(
  "a payload that is nested %i deep is no message, since printing it would fail",
  (depth) => {
    const deep = `{"id":"m1","type":"mail","payload":${"[".repeat(depth)}${"]".repeat(depth)}}`;
    const deadLetter = read({ body: deep });

    expect(deadLetter.message).toBeUndefined();
    expect(deadLetter.problem).toBeDefined();
    expect(() => JSON.stringify(deadLetter)).not.toThrow();
  },
);

test("a payload that is nested 1,000 deep is read", () => {
  const deep = `{"id":"m1","type":"mail","payload":${"[".repeat(1_000)}${"]".repeat(1_000)}}`;

  expect(read({ body: deep })).toMatchObject({ id: "m1", problem: undefined });
});
