import { describe, expect, test } from "vitest";
import { PermanentError } from "../../../src/errors.ts";
import { Door, SECOND } from "../support.ts";
import { Fixture } from "./fixture.ts";

describe("middleware", () => {
  test("wraps handlers, the first one outermost, and sees what they throw", async () => {
    const bench = new Fixture();
    const trail: string[] = [];
    for (const name of ["outer", "inner"]) {
      bench.worker.use(async ({ message }, next) => {
        trail.push(`${name} ${message.type}`);
        await next().catch((error: Error) => {
          trail.push(`${name} saw ${error.message}`);
          throw error;
        });
      });
    }
    bench.worker.register("mail", () => {
      trail.push("handler");
      throw new PermanentError("gone");
    });
    await bench.send("mail");
    await bench.start();
    expect(trail).toEqual(["outer mail", "inner mail", "handler", "inner saw gone", "outer saw gone"]);
    expect(bench.events.of("dead_lettered")).toMatchObject([{ reason: "permanent_error" }]);
  });

  test("that does not wait for the handler is not the end of the job: the handler is", async () => {
    const bench = new Fixture();
    const doors = [new Door(), new Door()];
    bench.worker.use((_, next) => {
      void next();
      return Promise.resolve();
    });
    bench.worker.register("mail", async (_, { attempt }) => {
      await doors[attempt - 1]?.opened;
      if (attempt === 1) throw new Error("no");
    });
    await bench.send("mail");
    await bench.start();
    expect(bench.events.names).toEqual(["started"]);
    doors[0]?.open();
    await bench.clock.advance(SECOND);
    expect(bench.events.names).toEqual(["started", "failed", "retrying", "started"]);
    doors[1]?.open();
    await bench.clock.settle();
    expect(bench.events.names.slice(4)).toEqual(["completed"]);
  });

  test("that gives up on a handler does not have it run twice at once", async () => {
    const bench = new Fixture();
    const door = new Door();
    bench.worker.use((_, next) => Promise.race([next(), Promise.reject(new Error("too slow"))]));
    bench.worker.register("mail", () => door.opened);
    await bench.send("mail");
    await bench.start();
    await bench.clock.advance(SECOND);
    expect(bench.events.names).toEqual(["started"]);
    door.open();
    await bench.clock.settle();
    expect(bench.events.of("failed")).toMatchObject([{ error: { message: "too slow" } }]);
  });

  test("runs the handler once an attempt, and may leave it out", async () => {
    const bench = new Fixture();
    let runs = 0;
    bench.worker.use(async ({ message }, next) => {
      if (message.payload === "skip") return;
      await next();
      await next();
    });
    bench.worker.register("mail", () => void (runs += 1));
    await bench.send("mail", "skip");
    await bench.send("mail");
    await bench.start();
    expect(runs).toBe(1);
    expect(bench.events.of("completed")).toHaveLength(1);
    expect(bench.events.of("failed")).toMatchObject([{ error: { code: "invalid_options" } }]);
  });

  test("that throws fails the job", async () => {
    const bench = new Fixture();
    bench.worker.use(() => Promise.reject(new Error("no")));
    bench.worker.register("mail", () => {});
    await bench.send("mail");
    await bench.start();
    expect(bench.events.names).toEqual(["started", "failed", "retrying"]);
  });
});
