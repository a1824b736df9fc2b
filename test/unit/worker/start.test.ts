import { describe, expect, test } from "vitest";
import { Door, MINUTE, SECOND, watch } from "../support.ts";
import { Fixture } from "./fixture.ts";

describe("start", () => {
  test("resolves when every queue is polled, and stop drains what runs", async () => {
    const bench = new Fixture({}, { queues: ["jobs", "other"] });
    const door = new Door();
    bench.worker.register("mail", () => door.opened);
    const started = watch(bench.worker.start(["jobs", "other"]));
    expect(started.state).toBe("pending");
    await bench.clock.settle();
    expect(started.state).toBe("resolved");
    await bench.send("mail");
    const stopped = watch(bench.worker.stop());
    await bench.clock.settle();
    expect([stopped.state, bench.worker.health().state]).toEqual(["pending", "draining"]);
    door.open();
    await bench.clock.settle();
    expect(stopped.state).toBe("resolved");
    expect(bench.events.of("completed")).toHaveLength(1);
  });

  test("rejects if a queue cannot be received, and the worker has ended", async () => {
    const bench = new Fixture({}, { emulate: "sqs", queues: ["jobs"] });
    bench.worker.register("mail", () => {});
    const started = watch(bench.worker.start(["jobs", "missing"]));
    await bench.clock.advance(SECOND);
    expect(started.error).toMatchObject({ code: "not_found", queue: "missing" });
    expect(bench.worker.health().state).toBe("stopped");
  });

  test("emits error if a receiver ends with an error later, and stop does not throw it again", async () => {
    const bench = new Fixture();
    bench.worker.register("mail", () => {});
    const errors: unknown[] = [];
    bench.worker.on("error", (error) => errors.push(error));
    const shutdown = new AbortController();
    await bench.worker.start("jobs", { signal: shutdown.signal });
    bench.worker.register("deaf", () => new Promise(() => {}));
    await bench.send("deaf");
    shutdown.abort();
    await bench.clock.advance(MINUTE);
    expect(errors).toMatchObject([{ code: "drain_incomplete" }]);
    await bench.worker.stop();
  });

  test("leaves the error of a drain to stop", async () => {
    const bench = new Fixture();
    bench.worker.register("deaf", () => new Promise(() => {}));
    const errors: unknown[] = [];
    bench.worker.on("error", (error) => errors.push(error));
    await bench.worker.start("jobs");
    await bench.send("deaf");
    const stopped = watch(bench.worker.stop());
    await bench.clock.advance(MINUTE);
    expect(stopped.error).toMatchObject({ code: "drain_incomplete" });
    expect(errors).toEqual([]);
  });

  test("is refused while the worker works", async () => {
    const bench = new Fixture();
    bench.worker.register("mail", () => {});
    await bench.start();
    await expect(bench.worker.start("jobs")).rejects.toMatchObject({ code: "already_running" });
    await bench.worker.stop();
    expect(bench.worker.health().state).toBe("stopped");
  });
});

test.each([{ kind: "ack" }, { kind: "dead_letter", reason: "spam", error: "bad" }, { kind: "release" }])(
  "a disposition that a handler returns, %j, fails its run: nothing is acknowledged",
  async (disposition) => {
    const bench = new Fixture();
    bench.worker.register("mail", () => disposition);
    await bench.start();
    await bench.send("mail");
    expect(bench.events.of("completed")).toEqual([]);
    expect(bench.events.of("retrying")).toMatchObject([
      { error: { code: "invalid_options", message: expect.stringContaining("Throw PermanentError") } },
    ]);
  },
);

test("a result that only looks like a disposition completes its job", async () => {
  const bench = new Fixture();
  bench.worker.register("mail", () => ({ kind: "release", url: "https://example.com/v2" }));
  await bench.start();
  await bench.send("mail");
  expect(bench.events.of("completed")).toHaveLength(1);
});
