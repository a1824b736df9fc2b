import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { NewMessage } from "../../message/message.ts";
import type { Stage } from "./stage.ts";

export function job(payload: unknown = null): NewMessage {
  return { type: "job", payload };
}

/** The name of a queue that nobody has made. */
export function missingQueue({ harness }: Stage): string {
  return harness.missingQueue?.() ?? `qp-missing-${randomUUID()}`;
}

/** Delivery is at least once: duplicates are counted and told. Where time stands still, nothing excuses one. */
export function countDuplicates(stage: Stage, duplicates: number, most: number): void {
  if (duplicates > 0) stage.notes.push(`duplicates: ${duplicates}`);
  const allowed = stage.harness.clock === undefined ? most : 0;
  assert.ok(duplicates <= allowed, `${duplicates} duplicates; at most ${allowed} are excused`);
}

/** Makes an error out of what is expected of it, for `assert.rejects`; `says` must be part of its sentence. */
export function refusal(code: string, ...says: string[]): (error: unknown) => boolean {
  return (error) => {
    const { code: got, message, name } = error as { code?: unknown; message: string; name: string };
    assert.equal(name, "QueueError", `a QueueError; got ${String(error)}`);
    assert.equal(got, code, message);
    for (const part of says) assert.ok(message.includes(part), `"${message}" names ${part}`);
    return true;
  };
}
