import { describe, expect, test } from "vitest";
import { Door } from "../support.ts";
import { TrackedFixture } from "./tracked-fixture.ts";

describe("the crash-loop guard", () => {
  /** Delivers a message so often without a disposition that the guard would act. */
  async function wornOut(fixture: TrackedFixture): Promise<void> {
    await fixture.queue.send("jobs", { id: "a", type: "mail", payload: {}, maxAttempts: 1 });
    const source = fixture.driver.open("jobs", { prefetch: 1, leaseMs: 1_000 });
    for (let deliveries = 0; deliveries < 20; deliveries += 1) {
      const polled = source.next(1, new AbortController().signal);
      await fixture.clock.settle();
      const [delivery] = await polled;
      if (delivery === undefined) throw new Error("nothing was delivered");
      await source.settle([{ kind: "release", delivery, delayMs: 0 }]);
    }
    await source.close();
  }

  test("does not act if the claim counts the attempts", async () => {
    const fixture = new TrackedFixture();
    await wornOut(fixture);
    fixture.tracked();
    await fixture.clock.settle();

    expect(fixture.runs).toEqual(["a 1"]);
    expect(await fixture.counts()).toEqual([0, 0, 0, 0]);
  });

  test.each([
    ["leaves the count to the broker", { run: true, attempt: undefined } as const],
    ["does not claim the message", undefined],
  ])("acts before the handler if the tracker %s", async (_, claim) => {
    const fixture = new TrackedFixture();
    await wornOut(fixture);
    fixture.tracker.onClaim = () => claim;
    const next = new Door();
    fixture.tracked(() => next.opened, { concurrency: 1 });
    await fixture.clock.settle();
    expect(fixture.runs).toEqual([]);
    expect(fixture.tracker.calls).toEqual(["claim a", "concluding a dead_letter crash_loop", "buried a"]);
    expect(fixture.events.names).toEqual(["dead_lettered"]);

    await fixture.queue.send("jobs", { id: "b", type: "mail", payload: {} });
    await fixture.clock.settle();
    expect(fixture.runs).toEqual(["b 1"]);
  });

  test("acknowledges the message if the tracker knows that the job is completed", async () => {
    const fixture = new TrackedFixture();
    await wornOut(fixture);
    fixture.tracker.onClaim = () => undefined;
    fixture.tracker.onConcluding = () => ({ kind: "ack", ran: false, why: "completed" });
    fixture.tracked();
    await fixture.clock.settle();

    expect(fixture.events.names).toEqual(["not_run"]);
    expect(await fixture.counts()).toEqual([0, 0, 0, 0]);
  });
});
