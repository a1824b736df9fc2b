import { describe, expect, test } from "vitest";
import { PermanentError } from "../../../src/errors.ts";
import { Door, SECOND } from "../support.ts";
import { Fixture } from "./fixture.ts";

describe("a middleware", () => {
  test("wraps the handler, with the first middleware outermost, and sees the errors of the handler", async () => {
    const fixture = new Fixture();
    const trail: string[] = [];
    for (const name of ["outer", "inner"]) {
      fixture.worker.use(async ({ message }, next) => {
        trail.push(`${name} ${message.type}`);
        await next().catch((error: Error) => {
          trail.push(`${name} saw ${error.message}`);
          throw error;
        });
      });
    }
    fixture.worker.register("mail", () => {
      trail.push("handler");
      throw new PermanentError("gone");
    });
    await fixture.send("mail");
    await fixture.start();

    expect(trail).toEqual(["outer mail", "inner mail", "handler", "inner saw gone", "outer saw gone"]);
    expect(fixture.events.of("dead_lettered")).toMatchObject([{ reason: "permanent_error" }]);
  });

  test("does not end the job by returning before the handler does", async () => {
    const fixture = new Fixture();
    const doors = [new Door(), new Door()];
    fixture.worker.use((_, next) => {
      void next();
      return Promise.resolve();
    });
    fixture.worker.register("mail", async (_, { attempt }) => {
      await doors[attempt - 1]?.opened;
      if (attempt === 1) throw new Error("no");
    });
    await fixture.send("mail");
    await fixture.start();
    expect(fixture.events.names).toEqual(["started"]);

    doors[0]?.open();
    await fixture.clock.advance(SECOND);
    expect(fixture.events.names).toEqual(["started", "failed", "retrying", "started"]);

    doors[1]?.open();
    await fixture.clock.settle();
    expect(fixture.events.names.slice(4)).toEqual(["completed"]);
  });

  test("starts no second run of the handler by rejecting before the handler ends", async () => {
    const fixture = new Fixture();
    const door = new Door();
    fixture.worker.use((_, next) => Promise.race([next(), Promise.reject(new Error("too slow"))]));
    fixture.worker.register("mail", () => door.opened);
    await fixture.send("mail");
    await fixture.start();
    await fixture.clock.advance(SECOND);
    expect(fixture.events.names).toEqual(["started"]);

    door.open();
    await fixture.clock.settle();
    expect(fixture.events.of("failed")).toMatchObject([{ error: { message: "too slow" } }]);
  });

  test("runs the handler at most once per attempt, and may skip it", async () => {
    const fixture = new Fixture();
    let runs = 0;
    fixture.worker.use(async ({ message }, next) => {
      if (message.payload === "skip") return;
      await next();
      await next();
    });
    fixture.worker.register("mail", () => void (runs += 1));
    await fixture.send("mail", "skip");
    await fixture.send("mail");
    await fixture.start();

    expect(runs).toBe(1);
    expect(fixture.events.of("completed")).toHaveLength(1);
    expect(fixture.events.of("failed")).toMatchObject([{ error: { code: "invalid_options" } }]);
  });

  test("fails the job if it throws", async () => {
    const fixture = new Fixture();
    fixture.worker.use(() => Promise.reject(new Error("no")));
    fixture.worker.register("mail", () => {});
    await fixture.send("mail");
    await fixture.start();

    expect(fixture.events.names).toEqual(["started", "failed", "retrying"]);
  });
});
