import { describe, expect, test } from "vitest";
import { DriverError } from "../../../src/driver/error.ts";
import { Door, MINUTE, SECOND } from "../support.ts";
import { Fixture } from "./fixture.ts";
import { RecordedLogger } from "./recorded-logger.ts";

describe("an outage", () => {
  const away = new DriverError("transient", "connect ECONNREFUSED");

  test("is logged at its beginning, once a minute and queue, and at its end", async () => {
    const logger = new RecordedLogger();
    const queues = ["one", "two", "three"];
    const fixture = new Fixture({}, { emulate: "sqs", queues });
    const worker = fixture.make({ logger });
    worker.register("mail", () => {});
    void worker.run(queues);
    await fixture.clock.advance(MINUTE);
    logger.lines.length = 0;
    fixture.fault = () => ({ kind: "error", error: away });
    await fixture.clock.advance(10 * MINUTE);
    fixture.fault = () => undefined;
    await fixture.clock.advance(MINUTE);

    // The delay queues are away as well.
    for (const queue of queues.flatMap((name) => [name, `${name}-delay`])) {
      const lines = logger.lines.filter(
        ({ level, fields }) => fields["queue"] === queue && level !== "debug",
      );
      expect(lines[0]).toMatchObject({ level: "warn", message: "receiving failed", fields: { err: away } });
      expect(lines.at(-1)).toMatchObject({ level: "info", message: "receiving works again" });
      const between = lines.slice(1, -1);
      expect(between.length).toBeGreaterThanOrEqual(9);
      expect(between.length).toBeLessThanOrEqual(10);
      for (const line of between) {
        expect(line.message).toMatch(/^receiving failed: \d+ more in the last 6\d s$/);
        expect(line.fields).not.toHaveProperty("err");
        expect(line.fields["error"]).toContain("ECONNREFUSED");
      }
      const counted = between.reduce((sum, { fields }) => sum + (fields["count"] as number), 0);
      const failures = fixture.events.of("poll_failed").filter((event) => event.queue === queue).length;
      expect(lines.at(-1)?.fields).toMatchObject({ failures });
      expect(counted).toBeLessThan(failures);
      expect(
        logger.lines.filter(
          ({ level, fields }) => fields["queue"] === queue && level === "debug" && "err" in fields,
        ),
      ).toHaveLength(failures - 1);
    }
  });

  test("does not fill the log if every other poll fails", async () => {
    const logger = new RecordedLogger();
    const fixture = new Fixture();
    const worker = fixture.make({ logger });
    worker.register("mail", () => {});
    let polls = 0;
    fixture.fault = ({ operation }) => {
      if (operation !== "receive") return undefined;
      polls += 1;
      return polls % 2 === 0 ? undefined : { kind: "error", error: away };
    };
    void worker.run("jobs");
    for (let step = 0; step < 600; step += 1) {
      await fixture.send("mail");
      await fixture.clock.advance(SECOND);
    }

    expect(polls).toBeGreaterThan(100);
    const lines = logger.lines.filter(
      ({ level, message }) => level !== "debug" && message.startsWith("receiving"),
    );
    expect(lines.length).toBeLessThanOrEqual(2 + 2 * 11);
  });

  test("in which a thousand settlements fail is one line about them, and one a minute", async () => {
    const logger = new RecordedLogger();
    const fixture = new Fixture();
    const worker = fixture.make({ logger, concurrency: 1_000 });
    worker.register("mail", () => {});
    fixture.fault = ({ operation }) =>
      operation === "settle" ? { kind: "error", error: new DriverError("permanent", "no") } : undefined;
    for (let index = 0; index < 500; index += 1) await fixture.send("mail");
    const working = worker.run("jobs");
    await fixture.clock.advance(MINUTE + SECOND);
    const stopping = worker.stop();
    await fixture.clock.advance(MINUTE);
    await stopping;
    await working;

    const failed = fixture.events.of("settle_failed").length;
    const lines = logger.lines.filter(
      ({ level, message }) => level === "warn" && message.startsWith("settling"),
    );
    expect(failed).toBeGreaterThanOrEqual(1_000);
    expect(lines.length).toBeLessThanOrEqual(4);
    const counted = lines.reduce(
      (sum, { fields }) => sum + ((fields["count"] as number | undefined) ?? 1),
      0,
    );
    expect(counted).toBe(failed);
  });

  test("has no further line about the settlements that fail in it, which its line counts", async () => {
    const logger = new RecordedLogger();
    const fixture = new Fixture();
    const worker = fixture.make({ logger });
    const door = new Door();
    worker.register("mail", () => door.opened);
    for (let index = 0; index < 5; index += 1) await fixture.send("mail");
    void worker.run("jobs");
    await fixture.clock.settle();
    fixture.fault = ({ operation }) =>
      operation === "send" ? undefined : { kind: "error", error: new DriverError("permanent", "no") };
    // The poll that is open returns with this message, and the next one fails.
    await fixture.send("mail");
    await fixture.clock.advance(2 * SECOND);
    expect(fixture.events.of("poll_failed")).not.toEqual([]);
    door.open();
    await fixture.clock.advance(2 * MINUTE);
    const settled = fixture.events.of("settle_failed").length;
    const polls = fixture.events.of("poll_failed").length;

    const lines = logger.lines.filter(({ level }) => level === "warn");
    expect(settled).toBeGreaterThanOrEqual(5);
    expect(lines.length).toBeGreaterThan(1);
    expect(lines.filter(({ message }) => !message.startsWith("receiving failed"))).toEqual([]);
    expect(lines[1]?.fields["count"]).toBeGreaterThan(5);
    expect(lines[1]?.fields["count"]).toBeLessThan(polls + settled);
  });

  test("that follows soon after another one has its end logged if it lasted for a minute", async () => {
    const logger = new RecordedLogger();
    const fixture = new Fixture();
    const worker = fixture.make({ logger });
    worker.register("mail", () => {});
    void worker.run("jobs");
    const goAway = async (ms: number): Promise<void> => {
      fixture.fault = ({ operation }) =>
        operation === "receive" ? { kind: "error", error: away } : undefined;
      // The poll that is open returns with this message, and the next one fails.
      await fixture.send("mail");
      await fixture.clock.advance(ms);
      fixture.fault = () => undefined;
      await fixture.clock.advance(30 * SECOND);
    };
    const returns = (): number =>
      logger.lines.filter(({ level, message }) => level === "info" && message === "receiving works again")
        .length;
    await goAway(10 * SECOND);
    expect(returns()).toBe(1);

    await goAway(10 * SECOND);
    expect(returns()).toBe(1);

    await goAway(2 * MINUTE);
    expect(returns()).toBe(2);
  });
});
