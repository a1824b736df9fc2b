import { setImmediate } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { DriverError } from "../../../src/driver/error.ts";
import { PermanentError } from "../../../src/errors.ts";
import type { Middleware } from "../../../src/worker/types.ts";
import { Door, SECOND, unhandledDuring } from "../support.ts";
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

  test("fails the job if it returns a disposition in place of a run, which would be acknowledged otherwise", async () => {
    const fixture = new Fixture();
    // A compiler refuses this, and JavaScript has none.
    fixture.worker.use((() => Promise.resolve({ kind: "release" })) as unknown as Middleware);
    fixture.worker.register("mail", () => {});
    await fixture.send("mail");
    await fixture.start();

    expect(fixture.events.names).toEqual(["started", "failed", "retrying"]);
    expect(fixture.events.of("failed")).toMatchObject([
      { error: { code: "invalid_options", message: expect.stringContaining('of the kind "release"') } },
    ]);
  });

  test("fails the job if it throws", async () => {
    const fixture = new Fixture();
    fixture.worker.use(() => Promise.reject(new Error("no")));
    fixture.worker.register("mail", () => {});
    await fixture.send("mail");
    await fixture.start();

    expect(fixture.events.names).toEqual(["started", "failed", "retrying"]);
  });

  test("cannot hide that the handler failed, by not waiting for it or by catching its error", async () => {
    const hiding: Middleware[] = [
      // Ends long after the handler has failed, and never looks at it.
      async (_, next) => {
        void next();
        await setImmediate();
      },
      async (_, next) => {
        await next().catch(() => undefined);
      },
      async (_, next) => {
        await Promise.allSettled([next()]);
      },
    ];
    for (const middleware of hiding) {
      const fixture = new Fixture();
      fixture.worker.use(middleware);
      fixture.worker.register("mail", () => Promise.reject(new Error("no")));
      await fixture.send("mail");
      await fixture.start();
      await setImmediate();
      await fixture.clock.settle();

      expect(fixture.events.names).toEqual(["started", "failed", "retrying"]);
      expect(fixture.events.of("failed")).toMatchObject([{ error: { message: "no" } }]);
    }
  });

  test("may wait for the handler later than it fails, which leaves no unhandled rejection", async () => {
    const fixture = new Fixture();
    fixture.worker.use(async (_, next) => {
      const done = next();
      // Node reports a rejection as unhandled at the end of the tick in which it happens.
      await setImmediate();
      await setImmediate();
      await done;
    });
    fixture.worker.register("mail", () => Promise.reject(new Error("no")));
    const unhandled = await unhandledDuring(async () => {
      await fixture.send("mail");
      await fixture.start();
      for (let ticks = 0; ticks < 4; ticks += 1) await setImmediate();
      await fixture.clock.settle();
    });

    expect(unhandled).toEqual([]);
    expect(fixture.events.of("failed")).toMatchObject([{ error: { message: "no" } }]);
  });

  test("may replace the error of the handler by another one", async () => {
    const fixture = new Fixture();
    fixture.worker.use((_, next) =>
      next().catch(() => {
        throw new PermanentError("gone");
      }),
    );
    fixture.worker.register("mail", () => Promise.reject(new Error("no")));
    await fixture.send("mail");
    await fixture.start();

    expect(fixture.events.of("dead_lettered")).toMatchObject([{ error: { message: "gone" } }]);
  });

  test("cannot hide a disposition that the handler returned, nor a middleware inside of it that failed", async () => {
    const fixture = new Fixture();
    fixture.worker.use(async (_, next) => {
      await next().catch(() => undefined);
    });
    fixture.worker.use(async ({ message }, next) => {
      await next();
      if (message.type === "inner") throw new Error("inner");
    });
    fixture.worker.register("disposition", () => ({ kind: "dead_letter", reason: "no", error: "no" }));
    fixture.worker.register("inner", () => {});
    await fixture.send("disposition");
    await fixture.send("inner");
    await fixture.start();

    expect(fixture.events.of("completed")).toEqual([]);
    expect(fixture.events.of("failed")).toMatchObject([
      { error: { code: "invalid_options" } },
      { error: { message: "inner" } },
    ]);
  });

  test("that returns a disposition neither completes a failed job nor changes a completed one", async () => {
    const fixture = new Fixture();
    fixture.worker.use(async ({ message }, next) => {
      await next();
      return { kind: "dead_letter", reason: "no", error: message.type } as never;
    });
    fixture.worker.register("mail", () => {});
    await fixture.send("mail");
    await fixture.start();

    expect(fixture.events.names).toEqual(["started", "completed"]);
  });

  test("fails the run if it calls next twice, even if it does not wait for the second call", async () => {
    const fixture = new Fixture();
    fixture.worker.use(async (_, next) => {
      await next();
      void next();
    });
    fixture.worker.register("mail", () => {});
    const unhandled = await unhandledDuring(async () => {
      await fixture.send("mail");
      await fixture.start();
    });

    expect(unhandled).toEqual([]);
    expect(fixture.events.of("failed")).toMatchObject([{ error: { code: "invalid_options" } }]);
  });

  test("that calls next after it has ended runs no handler, and is reported", async () => {
    const fixture = new Fixture();
    const later: (() => Promise<void>)[] = [];
    let runs = 0;
    fixture.worker.use((_, next) => {
      later.push(next);
      return Promise.resolve();
    });
    fixture.worker.register("mail", () => void (runs += 1));
    const unhandled = await unhandledDuring(async () => {
      await fixture.send("mail");
      await fixture.start();
      void later[0]?.();
      await fixture.clock.settle();
    });

    expect(runs).toBe(0);
    expect(unhandled).toEqual([]);
    expect(fixture.events.of("warning")).toMatchObject([{ code: "middleware", queue: "jobs" }]);
  });

  test("that is not a function is refused", () => {
    expect(() => new Fixture().worker.use(undefined as never)).toThrow(
      expect.objectContaining({ code: "invalid_options" }) as Error,
    );
  });
});

test("an extension that a handler does not wait for ends no process when it is refused", async () => {
  const fixture = new Fixture();
  const door = new Door();
  fixture.worker.register("mail", (_, { extend }) => {
    void extend();
    return door.opened;
  });
  fixture.fault = (point) =>
    point.operation === "settle" && point.operations.some(({ kind }) => kind === "extend")
      ? { kind: "error", error: new DriverError("permanent", "no") }
      : undefined;
  const unhandled = await unhandledDuring(async () => {
    await fixture.send("mail");
    await fixture.start();
  });
  door.open();
  await fixture.clock.settle();

  expect(unhandled).toEqual([]);
  expect(fixture.events.of("completed")).toHaveLength(1);
});
