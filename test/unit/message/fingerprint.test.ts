import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import type { DeadLetterInfo } from "../../../src/message/dead-letter-info.ts";
import { times } from "../support.ts";
import { fingerprintOf, frameOf, normalisedError } from "../../../src/message/fingerprint.ts";

const info: DeadLetterInfo = {
  reason: "max_attempts",
  error: "Error: user 17 is unknown",
  frame: "load (users/load.ts:12)",
  attempts: 5,
  source: "jobs",
  at: new Date(0),
};

describe("normalisedError", () => {
  test.each([
    ["user 17 is unknown", "user <n> is unknown"],
    ["no user_42 in 3.5 s, 1,000 tries", "no user_<n> in <n> s, <n> tries"],
    ["job 01a21575-71c0-702f-bd55-97a156dbe221 is gone", "job <id> is gone"],
    ["commit 9f86d081884c7d65 of facade", "commit <id> of facade"],
    ["expired at 2026-01-02T03:04:05.678Z", "expired at <time>"],
    ["ada@example.com has no mailbox", "<email> has no mailbox"],
    ["connect ECONNREFUSED 127.0.0.1:5432", "connect ECONNREFUSED <n>"],
    [
      "Cannot read properties of undefined (reading 'name')",
      "Cannot read properties of undefined (reading 'name')",
    ],
  ])("replaces the variable parts of %j", (error, normalised) => {
    expect(normalisedError(error)).toBe(normalised);
  });
});

describe("a fingerprint", () => {
  const fingerprint = fingerprintOf("mail", info);

  test.each<Partial<DeadLetterInfo>>([
    { error: "Error: user 18 is unknown" },
    { frame: "load (users/load.ts:14)" },
    { attempts: 1, at: new Date(9), source: "other" },
  ])("is the same if the failure differs in %j", (other) => {
    expect(fingerprintOf("mail", { ...info, ...other })).toBe(fingerprint);
  });

  test.each<Partial<DeadLetterInfo>>([
    { reason: "crash_loop" },
    { error: "Error: user 18 is locked" },
    { frame: "save (users/load.ts:12)" },
    { frame: undefined },
  ])("differs if the failure differs in %j", (other) => {
    expect(fingerprintOf("mail", { ...info, ...other })).not.toBe(fingerprint);
  });

  test("is the same for long errors that are cut at different places", () => {
    const long = (id: string, length: number): string =>
      `user ${id} failed: ${"insert into users ".repeat(60)}`.slice(0, length);
    const fingerprints = times(5, (index) =>
      fingerprintOf("mail", { ...info, error: long("1".repeat(index + 1), 810 + index) }),
    );

    expect(new Set(fingerprints).size).toBe(1);
  });

  test("differs for another type", () => {
    expect(fingerprintOf("sms", info)).not.toBe(fingerprint);
  });
});

describe("the frame of an error", () => {
  test("is the top frame of the application, with name, file and line", () => {
    function charge(): never {
      throw new Error("declined\n    at the till (not/a/frame.ts:1:1) of it");
    }
    let thrown: unknown;
    try {
      charge();
    } catch (error) {
      thrown = error;
    }

    expect(frameOf(thrown)).toMatch(/^charge \(message\/fingerprint\.test\.ts:\d+\)$/);
  });

  test("is neither a frame of Node nor of a package", () => {
    const error = new Error("x");
    error.stack = `Error: x
    at node:internal/process/task_queues:1:2
    at parse (/app/node_modules/zod/index.js:1:2)
    at async Object.handle [as run] (file:///app/src/jobs/mail.ts:7:9)
    at other (/app/src/main.ts:1:1)`;

    expect(frameOf(error)).toBe("Object.handle [as run] (jobs/mail.ts:7)");
  });

  test("is not queueport's own", () => {
    const charge = (): string => normalisedError(undefined as never);
    let thrown: unknown;
    try {
      charge();
    } catch (error) {
      thrown = error;
    }
    expect((thrown as Error).stack).toMatch(/^ +at .*src.message.fingerprint\.ts/m);
    expect(frameOf(thrown)).toMatch(/^charge \(message\/fingerprint\.test\.ts:\d+\)$/);
  });

  test.each([
    [undefined],
    ["text"],
    [runInNewContext("({})")],
    [Object.assign(new Error("x"), { stack: 7 })],
  ])("is undefined for %s", (thrown: unknown) => {
    expect(frameOf(thrown)).toBeUndefined();
  });
});

test.each([
  ["one word", "a".repeat(60_000)],
  ["words with dots", "a.".repeat(30_000)],
  ["domains", `a@${"b.".repeat(30_000)}`],
  ["hexadecimal digits", "abcdef1".repeat(9_000)],
  ["digits", "1-".repeat(30_000)],
])("an error of 60 KB of %s is normalised at once", (_, error) => {
  const startedAt = performance.now();
  normalisedError(error);
  expect(performance.now() - startedAt).toBeLessThan(100);
});

test("the stack of an error with a message of 60 KB is read at once", () => {
  const startedAt = performance.now();
  frameOf(new Error(`no\n    at ${"( ".repeat(30_000)}\n    at ${"x (".repeat(20_000)}`));
  expect(performance.now() - startedAt).toBeLessThan(100);
});
