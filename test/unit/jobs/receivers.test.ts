import { expect, test } from "vitest";
import { SECOND, watch } from "../support.ts";
import { JobsFixture } from "./fixture.ts";

test("a queue whose messages each have several receivers is refused by a worker of jobs, with what to do", async () => {
  const fixture = new JobsFixture();
  const describeQueue = fixture.driver.describe.bind(fixture.driver);
  fixture.driver.describe = async (queue) => ({ ...(await describeQueue(queue)), target: "billing" });
  const jobs = await fixture.jobs();
  const worker = jobs.worker();
  worker.register("mail", () => undefined);
  const working = watch(worker.run("jobs"));
  await fixture.clock.advance(SECOND);
  expect(working.error).toMatchObject({
    code: "not_supported",
    queue: "jobs",
    message: expect.stringContaining("Use a plain Worker there"),
  });
  await jobs.close();
});
