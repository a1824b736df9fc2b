import { describe, expect, test } from "vitest";
import { PermanentError } from "../../../src/errors.ts";
import { Door, SECOND } from "../support.ts";
import { Fixture } from "./fixture.ts";

describe("middleware", () => {
  test("wraps handlers, the first one outermost, and sees what they throw", async () => {
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

  test("that does not wait for the handler is not the end of the job: the handler is", async () => {
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

  test("that gives up on a handler does not have it run twice at once", async () => {
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

  test("runs the handler once an attempt, and may leave it out", async () => {
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

  test("that throws fails the job", async () => {
    const fixture = new Fixture();
    fixture.worker.use(() => Promise.reject(new Error("no")));
    fixture.worker.register("mail", () => {});
    await fixture.send("mail");
    await fixture.start();

    expect(fixture.events.names).toEqual(["started", "failed", "retrying"]);
  });
});
