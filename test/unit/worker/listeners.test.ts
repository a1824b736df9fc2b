import { describe, expect, test } from "vitest";
import type { JobEvent, ReceiveEvent } from "../../../src/diagnostics.ts";
import { Door, SECOND, unhandledDuring } from "../support.ts";
import { Fixture } from "./fixture.ts";
import { Fixture as ReceiverFixture } from "../receive/fixture.ts";
import { processWarningsDuring, RecordedLogger } from "./recorded-logger.ts";

type Mistake = () => void;

const MISTAKES: readonly (readonly [string, Mistake])[] = [
  [
    "throws",
    () => {
      throw new Error("my mistake");
    },
  ],
  // A listener that is an async function, which its type does not forbid.
  ["rejects", () => Promise.reject(new Error("my mistake"))],
  [
    "returns a thenable that throws",
    () => ({
      // oxlint-disable-next-line unicorn/no-thenable -- a promise of another library may be broken
      then(): void {
        throw new Error("my mistake");
      },
    }),
  ],
];

describe.each(MISTAKES)("a listener that %s", (_, mistake) => {
  test("affects no job, no time limit and no other listener, and is reported", async () => {
    const fixture = new Fixture();
    const events = ["started", "progress", "completed", "stuck", "polled", "failed"] as const;
    const worker = fixture.make({ timeoutMs: SECOND, graceMs: SECOND });
    const seen: string[] = [];
    for (const event of events) worker.on(event, mistake).on(event, () => void seen.push(event));
    const door = new Door();
    worker.register("quick", (message, context) => {
      context.progress(1);
      if (message.payload === "fail" && context.attempt === 1) throw new Error("no");
    });
    worker.register("stuck", () => door.opened);
    const unhandled = await unhandledDuring(async () => {
      await fixture.send("quick");
      await fixture.send("quick", "fail");
      await fixture.send("stuck");
      void worker.run("jobs");
      await fixture.clock.advance(5 * SECOND);
      door.open();
      await fixture.clock.settle();
    });

    expect(unhandled).toEqual([]);
    expect(await fixture.counts()).toEqual([0, 0, 0, 0]);
    expect(fixture.events.of("completed")).toHaveLength(3);
    for (const event of events) {
      expect(seen.filter((name) => name === event)).toHaveLength(fixture.events.of(event).length);
      expect(fixture.events.of("warning").map(({ message }) => message)).toContainEqual(
        expect.stringContaining(`A listener of "${event}" failed: Error: my mistake`),
      );
    }
    expect(
      fixture.events.of("warning").every(({ code, queue }) => code === "listener" && queue === "jobs"),
    ).toBe(true);
  });

  test("is logged if it is one of warnings, and is not called for its own failure", async () => {
    const logger = new RecordedLogger();
    const fixture = new Fixture();
    const worker = fixture.make({ logger });
    worker.on("warning", mistake).on("completed", mistake);
    worker.register("mail", () => {});
    const unhandled = await unhandledDuring(async () => {
      await fixture.send("mail");
      void worker.run("jobs");
      await fixture.clock.settle();
    });

    expect(unhandled).toEqual([]);
    // One of "completed", and one of the warning about it.
    expect(fixture.events.of("warning")).toHaveLength(1);
    expect(logger.messages("warn")).toEqual([expect.stringContaining('A listener of "completed" failed')]);
    expect(logger.messages("debug")).toContainEqual(
      expect.stringContaining('A listener of "warning" failed'),
    );
  });

  test("as onEvent of receive costs no message, and is reported", async () => {
    const fixture = new ReceiverFixture();
    const seen: (JobEvent | ReceiveEvent)[] = [];
    const onEvent = (event: JobEvent | ReceiveEvent): void => {
      seen.push(event);
      return mistake();
    };
    const warnings = await processWarningsDuring(async () => {
      const unhandled = await unhandledDuring(async () => {
        await fixture.send("one", "two");
        fixture.receive(() => Promise.resolve(), { onEvent });
        await fixture.clock.settle();
      });
      expect(unhandled).toEqual([]);
    });

    expect(await fixture.counts()).toEqual([0, 0, 0, 0]);
    expect(seen.filter(({ event }) => event === "completed")).toHaveLength(2);
    expect(seen).toContainEqual(expect.objectContaining({ event: "warning", code: "listener" }));
    expect(warnings).toEqual([expect.stringContaining('onEvent of the receiver of queue "jobs" failed')]);
  });

  test("as onEvent of pump ends no pump, and is reported", async () => {
    const fixture = new ReceiverFixture({ emulate: "sqs" });
    const stop = new AbortController();
    fixture.fault = ({ operation }) => {
      if (operation === "receive") throw new Error("no receive");
      return undefined;
    };
    const warnings = await processWarningsDuring(async () => {
      const unhandled = await unhandledDuring(async () => {
        const pumping = fixture.queue.pump("jobs", { signal: stop.signal, onEvent: mistake });
        await fixture.clock.advance(SECOND);
        stop.abort();
        await fixture.clock.settle();
        await pumping;
      });
      expect(unhandled).toEqual([]);
    });

    expect(warnings).toEqual([expect.stringContaining('onEvent of the receiver of queue "jobs" failed')]);
  });
});

test("a listener that was added by once is called once, also if it adds itself again or throws", async () => {
  const fixture = new Fixture();
  const { worker } = fixture;
  let calls = 0;
  const listener = (): void => {
    calls += 1;
    if (calls === 1) worker.once("completed", listener);
    throw new Error("no");
  };
  worker.once("completed", listener);
  worker.register("mail", () => {});
  for (let index = 0; index < 4; index += 1) await fixture.send("mail");
  await fixture.start();

  expect(calls).toBe(2);
});

test("a removed listener is not called any more, and another entry of the same function stays", async () => {
  const fixture = new Fixture();
  const { worker } = fixture;
  const calls: string[] = [];
  const twice = (): void => void calls.push("twice");
  const once = (): void => void calls.push("once");
  worker.on("completed", twice).on("completed", twice).off("completed", twice);
  worker.once("completed", once).off("completed", once).off("completed", once);
  worker.register("mail", () => {});
  await fixture.send("mail");
  await fixture.start();

  expect(calls).toEqual(["twice"]);
});

test("a listener that is not a function is refused", () => {
  expect(() => new Fixture().worker.on("completed", undefined as never)).toThrow(
    expect.objectContaining({ code: "invalid_options" }) as Error,
  );
});
