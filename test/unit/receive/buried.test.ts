import { describe, expect, test } from "vitest";
import { SECOND } from "../support.ts";
import { TrackedFixture } from "./tracked-fixture.ts";

const failing = (): never => {
  throw new Error("no");
};

describe("the dead letter of a tracked message", () => {
  test.each([undefined, "sqs", "service-bus"] as const)(
    "is known to be buried when it is in the dead-letter queue, on %s",
    async (emulate) => {
      const fixture = new TrackedFixture({ ...(emulate !== undefined && { emulate }) });
      await fixture.begin("a", failing, { maxAttempts: 1 });
      await fixture.clock.advance(SECOND);

      expect(fixture.tracker.calls).toEqual(["claim a", "concluding a dead_letter max_attempts", "buried a"]);
      expect((await fixture.counts())[3]).toBe(1);
    },
  );

  test("is moved again without another claim or conclusion, if the first move failed", async () => {
    const fixture = new TrackedFixture();
    fixture.fault = (point) =>
      point.operation === "send" && point.queue === "jobs-dlq" ? { kind: "lose_response" } : undefined;
    await fixture.begin("a", failing, { maxAttempts: 1 });
    await fixture.clock.advance(12 * SECOND);
    const told = (): string[] => fixture.tracker.calls.filter((call) => call !== "extended a");
    expect(told()).toEqual(["claim a", "concluding a dead_letter max_attempts"]);

    fixture.fault = () => undefined;
    await fixture.clock.advance(60 * SECOND);
    expect(told()).toEqual(["claim a", "concluding a dead_letter max_attempts", "buried a"]);
    expect(fixture.runs).toEqual(["a 1"]);
  });

  test("is known to be buried before the original is acknowledged", async () => {
    const fixture = new TrackedFixture();
    const calls: string[] = [];
    fixture.fault = (point) => {
      if (point.operation === "settle") calls.push(...point.operations.map(({ kind }) => kind));
      return undefined;
    };
    Object.assign(fixture.tracker, { buried: () => calls.push("buried") });
    await fixture.begin("a", failing, { maxAttempts: 1 });

    expect(calls).toEqual(["buried", "ack"]);
  });
});
