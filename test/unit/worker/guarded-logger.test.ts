import { Writable } from "node:stream";
import { pino } from "pino";
import { afterEach, describe, expect, test, vi } from "vitest";
import { MINUTE, unhandledDuring } from "../support.ts";
import { Fixture } from "./fixture.ts";

/** Values that a handler may throw, or note, and that a logger cannot read. */
const UNREADABLE: readonly (readonly [string, () => unknown])[] = [
  ["a frozen error", () => Object.freeze(new Error("my error"))],
  [
    "an error with a getter that throws",
    () =>
      Object.defineProperty(new Error("my error"), "boom", {
        enumerable: true,
        get() {
          throw new Error("getter");
        },
      }),
  ],
  [
    "an error whose stack throws",
    () =>
      Object.defineProperty(new Error("my error"), "stack", {
        get() {
          throw new Error("stack");
        },
      }),
  ],
  ["an error with a BigInt", () => Object.assign(new Error("my error"), { code: 10n })],
  [
    "an error that is its own cause",
    () => {
      const error = new Error("my error");
      error.cause = error;
      return error;
    },
  ],
  ["an object without a prototype", () => Object.create(null) as unknown],
  ["a symbol", () => Symbol("mine")],
  ["undefined", () => undefined],
  [
    "a proxy whose traps throw",
    () => {
      const trap = (): never => {
        throw new Error("trap");
      };
      return new Proxy(new Error("my error"), {
        get: trap,
        has: trap,
        ownKeys: trap,
        getPrototypeOf: trap,
        getOwnPropertyDescriptor: trap,
      });
    },
  ],
  [
    "a proxy whose traps throw such proxies",
    () => {
      const evil = (): object =>
        new Proxy(new Error("my error"), {
          get(): never {
            throw evil();
          },
          getPrototypeOf(): never {
            throw evil();
          },
        });
      return evil();
    },
  ],
  [
    "a revoked proxy",
    () => {
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      return proxy;
    },
  ],
  ["an error that serialises itself wrongly", () => Object.assign(new Error("my error"), { toJSON: 1 })],
  [
    "an aggregate of frozen errors",
    () => new AggregateError([Object.freeze(new Error("one")), null, 1n], "my error"),
  ],
];

describe.each(UNREADABLE)("a handler that throws %s", (_, make) => {
  test("fails its own job alone, and every line about it is logged", async () => {
    const printed: Record<string, unknown>[] = [];
    const stream = new Writable({
      write(chunk: Buffer, _encoding, done) {
        printed.push(JSON.parse(chunk.toString()) as Record<string, unknown>);
        done();
      },
    });
    const fixture = new Fixture();
    const worker = fixture.make({ logger: pino({ level: "debug" }, stream), backoff: { baseMs: 0 } });
    worker.register("bad", (_message, { logger, progress }) => {
      const thrown = make();
      progress(1, thrown as string);
      logger.info({ err: thrown, thrown }, "about to throw");
      logger.child({ err: thrown }).error("a child");
      throw thrown;
    });
    worker.register("good", () => {});
    const unhandled = await unhandledDuring(async () => {
      void worker.run("jobs");
      await fixture.queue.send("jobs", { type: "bad", payload: 1, maxAttempts: 2 });
      await fixture.send("good");
      await fixture.clock.advance(MINUTE);
    });

    expect(unhandled).toEqual([]);
    expect(fixture.events.of("failed")).toHaveLength(2);
    expect(fixture.events.of("dead_lettered")).toHaveLength(1);
    expect(fixture.events.of("completed")).toHaveLength(1);
    expect(worker.health()).toMatchObject({ running: 0, state: "running" });
    const messages = printed.map(({ msg }) => msg);
    for (const [message, count] of [
      ["job started", 3],
      ["job progress", 2],
      ["about to throw", 2],
      ["a child", 2],
      ["job failed", 2],
      ["job dead-lettered", 1],
    ] as const) {
      expect([message, messages.filter((one) => one === message).length]).toEqual([message, count]);
    }
    expect(await fixture.queue.deadLetters("jobs").list()).toHaveLength(1);
  });
});

describe("a logger without child, such as console", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  test("gets the message first, then the fields of the job and of the line", async () => {
    const info = vi.spyOn(console, "info").mockImplementation(() => undefined);
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    vi.spyOn(console, "debug").mockImplementation(() => undefined);
    const fixture = new Fixture();
    const worker = fixture.make({ logger: console });
    worker.register("mail", (message, { logger }) => {
      logger.info("plain");
      logger.child({ step: 1 }).info({ rows: 3 }, "with fields");
      if (message.payload === "bad") throw new Error("no");
    });
    void worker.run("jobs");
    await fixture.send("mail");
    await fixture.send("mail", "bad");

    expect(info).toHaveBeenCalledWith("plain", expect.objectContaining({ type: "mail", queue: "jobs" }));
    expect(info).toHaveBeenCalledWith(
      "with fields",
      expect.objectContaining({ type: "mail", step: 1, rows: 3 }),
    );
    expect(info).toHaveBeenCalledWith("job completed", expect.objectContaining({ type: "mail", attempt: 1 }));
    expect(warn).toHaveBeenCalledWith("job failed", expect.objectContaining({ err: new Error("no") }));
  });
});

describe("a logger that always fails", () => {
  const broken = (
    fail: () => unknown,
  ): Record<"debug" | "info" | "warn" | "error" | "child", () => never> => {
    const method = fail as () => never;
    return { debug: method, info: method, warn: method, error: method, child: method };
  };

  test.each([
    [
      "by throwing",
      () => {
        throw new Error("disk full");
      },
    ],
    ["by rejecting", () => Promise.reject(new Error("disk full"))],
  ] as const)("%s fails no job, and is reported once", async (_, fail) => {
    const fixture = new Fixture();
    const worker = fixture.make({ logger: broken(fail) });
    worker.register("mail", (_message, { logger }) => logger.info("line"));
    const unhandled = await unhandledDuring(async () => {
      void worker.run("jobs");
      await fixture.send("mail");
      await fixture.send("mail");
    });

    expect(unhandled).toEqual([]);
    expect(fixture.events.of("completed")).toHaveLength(2);
    expect(fixture.events.of("warning")).toMatchObject([
      { code: "logger", message: expect.stringContaining("disk full") as string },
    ]);
  });
});
