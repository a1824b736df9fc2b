import { describe, expect, test } from "vitest";
import { recordJobs } from "../../../src/testing/record.ts";
import { PermanentError } from "../../../src/errors.ts";
import { Fixture } from "../worker/fixture.ts";

describe("a record", () => {
  test("holds what this queue sent and what became of it, and nothing of another", async () => {
    const fixture = new Fixture();
    const other = new Fixture();
    using jobs = recordJobs(fixture.queue);
    fixture.worker.register("mail", () => {});
    fixture.worker.register("bad", () => {
      throw new PermanentError("gone");
    });
    await other.send("mail", { to: "elsewhere" });
    await fixture.send("mail", { to: "a", cc: [{ name: "b" }] });
    await fixture.send("bad");
    await fixture.start();
    expect(jobs.sent.map(({ message }) => message.type)).toEqual(["mail", "bad"]);
    expect(jobs.assertSent("mail", { cc: [{ name: "b" }] }).delayMs).toBe(0);

    jobs.assertCompleted("mail");
    jobs.assertCompleted("mail", 1);
    expect(jobs.assertDeadLettered("bad", "permanent_error").attempt).toBe(1);
    expect(jobs.failed).toMatchObject([{ type: "bad", queue: "jobs" }]);
  });

  test("says what it saw instead", async () => {
    const fixture = new Fixture();
    using jobs = recordJobs(fixture.queue);
    expect(() => jobs.assertSent("mail")).toThrow("Sent were: none");

    await fixture.send("mail", { to: "a" });
    expect(() => jobs.assertSent("mail", { to: "b" })).toThrow('Sent were: {"to":"a"}');
    expect(() => jobs.assertSent("other")).toThrow("Sent were: mail");
    expect(() => jobs.assertCompleted("mail")).toThrow("none were");
    expect(() => jobs.assertCompleted("mail", 2)).toThrow("0 jobs mail were completed; expected 2");
    expect(() => jobs.assertDeadLettered("mail")).toThrow("Dead-lettered were: none");
  });

  test("holds each payload as it was when it was sent", async () => {
    const fixture = new Fixture();
    using jobs = recordJobs(fixture.queue);
    const payload = { n: 1 };
    for (; payload.n < 4; payload.n += 1) await fixture.send("count", payload);

    expect(jobs.sent.map(({ message }) => message.payload)).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);

    await fixture.send("odd", { n: 1, method() {} });
    jobs.assertSent("odd", { n: 1 });
  });

  test("takes a list as a whole", async () => {
    const fixture = new Fixture();
    using jobs = recordJobs(fixture.queue);
    await fixture.send("mail", { to: ["a", "b"] });
    jobs.assertSent("mail", { to: ["a", "b"] });

    for (const to of [[], ["a"], ["a", "b", "c"], ["b", "a"]])
      expect(() => jobs.assertSent("mail", { to })).toThrow("No job mail");
  });

  test("tells one moment from another", async () => {
    const fixture = new Fixture();
    using jobs = recordJobs(fixture.queue);
    await fixture.send("mail", { at: new Date(1) });
    jobs.assertSent("mail", { at: new Date(1) });

    expect(() => jobs.assertSent("mail", { at: new Date(2) })).toThrow("No job mail");
  });

  test("that is closed records no more, and a send that failed is none", async () => {
    const fixture = new Fixture();
    const jobs = recordJobs(fixture.queue);
    await expect(fixture.queue.send("jobs", { type: "", payload: 1 })).rejects.toThrow("a non-empty string");

    jobs.close();
    await fixture.send("mail");
    expect(jobs.sent).toEqual([]);
  });
});
