import { expect, test } from "vitest";
import { Lanes } from "../../../../src/jobs/writes/lanes.ts";
import type { Write } from "../../../../src/jobs/writes/write.ts";

const write = (id: string): Write => ({ change: { kind: "promote", id, takenMs: 0 } }) as Write;

test("The change of a job that is under way is kept, however many jobs come and go.", () => {
  const lanes = new Lanes();
  const first = write("first");
  lanes.set(first);
  for (let index = 0; index < 5_000; index += 1) {
    lanes.set(write(`job ${index}`));
    lanes.end(`job ${index}`);
  }
  expect(lanes.last("first")).toBe(first);
  expect(lanes.last("job 4999")).toBeUndefined();
  lanes.end("first");
  expect(lanes.last("first")).toBeUndefined();
});
