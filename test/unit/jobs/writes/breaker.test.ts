import { expect, it } from "vitest";
import { Breaker } from "../../../../src/jobs/writes/breaker.ts";
import { FakeClock } from "../../../../src/testing/fake-clock.ts";

it("does not begin to probe when calls fail after it was closed", () => {
  const clock = new FakeClock();
  const breaker = new Breaker({
    clock,
    probe: () => Promise.reject(new Error("down")),
    onDown: () => expect.unreachable(),
    onUp: () => undefined,
  });
  breaker.close();
  for (let calls = 0; calls < 10; calls += 1) breaker.failed(new Error("down"));
  expect(clock.pending).toBe(0);
});
