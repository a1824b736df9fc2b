import { describe, expect, test } from "vitest";
import { JobsFixture } from "./fixture.ts";

describe("a plain job", () => {
  test("is sent to its queue and recorded, with all that its sender said", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    const job = await jobs.send(
      { type: "mail", payload: { to: "a" }, maxAttempts: 3, headers: { lang: "de" } },
      { tags: ["import"], tenant: "acme", priority: "high" },
    );
    expect(job).toMatchObject({ queue: "jobs", created: true, tracked: true });
    expect(await fixture.queue.stats("jobs")).toMatchObject({ messages: 1 });
    expect(await jobs.get(job.id, ["payload"])).toMatchObject({
      id: job.id,
      type: "mail",
      status: "queued",
      queue: "jobs",
      priority: "high",
      tenant: "acme",
      tags: ["import"],
      maxAttempts: 3,
      attempt: 0,
      payload: { to: "a" },
      createdAt: new Date(fixture.clock.now()),
    });
  });

  test("is recorded as it was when it was sent, although its sender changes it at once", async () => {
    const jobs = await new JobsFixture().jobs();
    const payload = { list: [1] };
    const sending = jobs.send({ type: "mail", payload });
    payload.list.push(2);
    const { id } = await sending;
    expect((await jobs.get(id, ["payload"]))?.payload).toEqual({ list: [1] });
  });
});
