import { expect, test } from "vitest";
import type { RunClaim } from "../../../src/queue/tracker.ts";
import { Fixture } from "./fixture.ts";
import { RecordingTracker } from "./recording-tracker.ts";

/** A tracker whose claims wait until the test answers them. */
function slowTracker(): { readonly tracker: RecordingTracker; readonly answer: (claim: RunClaim) => void } {
  const tracker = new RecordingTracker();
  const waiting: ((claim: RunClaim) => void)[] = [];
  tracker.onClaim = () => new Promise((resolve) => waiting.push(resolve));
  return { tracker, answer: (claim) => waiting.shift()?.(claim) };
}

test("a handler begins once its claim is answered, with the attempt of the answer", async () => {
  const fixture = new Fixture();
  await fixture.queue.send("jobs", { id: "a", type: "mail", payload: {} });
  const { tracker, answer } = slowTracker();
  const attempts: number[] = [];
  fixture.receive((_, { attempt }) => void attempts.push(attempt), { tracker });
  await fixture.clock.settle();
  expect(attempts).toEqual([]);
  expect(fixture.events.names).toEqual([]);

  answer({ run: true, attempt: 3 });
  await fixture.clock.settle();
  expect(attempts).toEqual([3]);
  expect(tracker.calls).toEqual(["claim a", "concluding a ack"]);
  expect(fixture.events.names).toEqual(["started", "completed"]);
  fixture.stop.abort();
});
