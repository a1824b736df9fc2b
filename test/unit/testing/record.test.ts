import { describe, expect, test } from "vitest";
import { recordJobs } from "../../../src/testing/record.ts";
import { PermanentError } from "../../../src/errors.ts";
import { Fixture } from "../worker/fixture.ts";

describe("a record of jobs", () => {
  test("holds the sent messages and ended jobs of its own queue only", async () => {
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

  test("names the recorded jobs in the error of a failed assertion", async () => {
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

  test("holds each payload as it was when the message was sent", async () => {
    const fixture = new Fixture();
    using jobs = recordJobs(fixture.queue);
    const payload = { n: 1 };
    for (; payload.n < 4; payload.n += 1) await fixture.send("count", payload);

    expect(jobs.sent.map(({ message }) => message.payload)).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);

    await fixture.send("odd", { n: 1, none: undefined });
    jobs.assertSent("odd", { n: 1 });
  });

  test("compares a list as a whole", async () => {
    const fixture = new Fixture();
    using jobs = recordJobs(fixture.queue);
    await fixture.send("mail", { to: ["a", "b"] });
    jobs.assertSent("mail", { to: ["a", "b"] });

    for (const to of [[], ["a"], ["a", "b", "c"], ["b", "a"]])
      expect(() => jobs.assertSent("mail", { to })).toThrow("No job mail");
  });

  test("distinguishes two dates", async () => {
    const fixture = new Fixture();
    using jobs = recordJobs(fixture.queue);
    await fixture.send("mail", { at: new Date(1) });
    jobs.assertSent("mail", { at: new Date(1) });

    expect(() => jobs.assertSent("mail", { at: new Date(2) })).toThrow("No job mail");
  });

  test("holds neither a failed send nor a send after its close", async () => {
    const fixture = new Fixture();
    const jobs = recordJobs(fixture.queue);
    await expect(fixture.queue.send("jobs", { type: "", payload: 1 })).rejects.toThrow("a non-empty string");

    jobs.close();
    await fixture.send("mail");
    expect(jobs.sent).toEqual([]);
  });
});
