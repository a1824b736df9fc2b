import { describe, expect, test } from "vitest";
import { Door, MINUTE, SECOND, watch } from "../support.ts";
import { Fixture } from "./fixture.ts";

describe("start", () => {
  test("resolves when every queue is polled, and stop then drains the running jobs", async () => {
    const fixture = new Fixture({}, { queues: ["jobs", "other"] });
    const door = new Door();
    fixture.worker.register("mail", () => door.opened);
    const started = watch(fixture.worker.start(["jobs", "other"]));
    expect(started.state).toBe("pending");

    await fixture.clock.settle();
    expect(started.state).toBe("resolved");

    await fixture.send("mail");
    const stopped = watch(fixture.worker.stop());
    await fixture.clock.settle();
    expect([stopped.state, fixture.worker.health().state]).toEqual(["pending", "draining"]);

    door.open();
    await fixture.clock.settle();
    expect(stopped.state).toBe("resolved");
    expect(fixture.events.of("completed")).toHaveLength(1);
  });

  test("rejects if a queue cannot be received, and the worker has stopped then", async () => {
    const fixture = new Fixture({}, { emulate: "sqs", queues: ["jobs"] });
    fixture.worker.register("mail", () => {});
    const started = watch(fixture.worker.start(["jobs", "missing"]));
    await fixture.clock.advance(SECOND);

    expect(started.error).toMatchObject({ code: "not_found", queue: "missing" });
    expect(fixture.worker.health().state).toBe("stopped");
  });

  test("emits an error of a receiver that ends later, and stop does not throw that error again", async () => {
    const fixture = new Fixture();
    fixture.worker.register("mail", () => {});
    const errors: unknown[] = [];
    fixture.worker.on("error", (error) => errors.push(error));
    const shutdown = new AbortController();
    await fixture.worker.start("jobs", { signal: shutdown.signal });
    fixture.worker.register("deaf", () => new Promise(() => {}));
    await fixture.send("deaf");
    shutdown.abort();
    await fixture.clock.advance(MINUTE);

    expect(errors).toMatchObject([{ code: "drain_incomplete" }]);
    await fixture.worker.stop();
  });

  test("emits no error of a drain, since stop rejects with it", async () => {
    const fixture = new Fixture();
    fixture.worker.register("deaf", () => new Promise(() => {}));
    const errors: unknown[] = [];
    fixture.worker.on("error", (error) => errors.push(error));
    await fixture.worker.start("jobs");
    await fixture.send("deaf");
    const stopped = watch(fixture.worker.stop());
    await fixture.clock.advance(MINUTE);

    expect(stopped.error).toMatchObject({ code: "drain_incomplete" });
    expect(errors).toEqual([]);
  });

  test("is refused while the worker is running", async () => {
    const fixture = new Fixture();
    fixture.worker.register("mail", () => {});
    await fixture.start();
    await expect(fixture.worker.start("jobs")).rejects.toMatchObject({ code: "already_running" });

    await fixture.worker.stop();
    expect(fixture.worker.health().state).toBe("stopped");
  });
});

test.each([{ kind: "ack" }, { kind: "dead_letter", reason: "spam", error: "bad" }, { kind: "release" }])(
  "a handler that returns the disposition %j fails its run, and nothing is acknowledged",
  async (disposition) => {
    const fixture = new Fixture();
    fixture.worker.register("mail", () => disposition);
    await fixture.start();
    await fixture.send("mail");

    expect(fixture.events.of("completed")).toEqual([]);
    expect(fixture.events.of("retrying")).toMatchObject([
      { error: { code: "invalid_options", message: expect.stringContaining("Throw PermanentError") } },
    ]);
  },
);

test("a handler completes its job if its result only resembles a disposition", async () => {
  const fixture = new Fixture();
  fixture.worker.register("mail", () => ({ kind: "release", url: "https://example.com/v2" }));
  await fixture.start();
  await fixture.send("mail");

  expect(fixture.events.of("completed")).toHaveLength(1);
});

test("a disposition that a handler returns fails its run behind middleware as well", async () => {
  const fixture = new Fixture();
  fixture.worker.use((_, next) => next());
  fixture.worker.register("mail", () => ({ kind: "dead_letter", reason: "spam", error: "bad" }));
  await fixture.start();

  await fixture.send("mail");

  expect(fixture.events.of("completed")).toEqual([]);
  expect(fixture.events.of("retrying")).toMatchObject([{ error: { code: "invalid_options" } }]);
});

test("a handler completes its job if the properties of its result cannot be read", async () => {
  const fixture = new Fixture();
  const unreadable = Object.defineProperty({}, "kind", {
    get() {
      throw new Error("unreadable");
    },
  });
  fixture.worker.register("mail", () => unreadable);
  await fixture.start();

  await fixture.send("mail");

  expect(fixture.events.of("completed")).toHaveLength(1);
});
