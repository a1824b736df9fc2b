import { tmpdir } from "node:os";
import { describe, expect, test } from "vitest";
import { memory } from "../../adapters/memory/index.ts";
import type { ConfigFile, QueueConfig } from "../../adapters/open.ts";
import { openQueue, parseConfig } from "../../adapters/open.ts";
import { QueueError } from "../../src/errors.ts";

/** The error that refuses a configuration. Undefined if it is accepted. */
function refusal(config: unknown): QueueError | undefined {
  try {
    parseConfig(config);
    return undefined;
  } catch (error) {
    return error as QueueError;
  }
}

describe("parseConfig", () => {
  test("an error that ends with a question has no full stop after it", () => {
    expect(refusal({ provider: "memory", capcity: 1 })?.message).toMatch(/"capacity"\?$/);
    expect(refusal({ provider: "memory", capacity: 0 })?.message).toMatch(/got 0\.$/);
  });

  test("a valid configuration is returned with its durations in milliseconds", () => {
    const config = {
      provider: "memory",
      capacity: 10,
      emulate: "sqs",
      queues: ["emails"],
      backoff: { baseMs: 10, factor: 3 },
      sendDeadlineMs: "500ms",
    };
    expect(parseConfig(config)).toEqual({ ...config, sendDeadlineMs: 500 });
  });

  test.each([
    [{}, 'queue configuration: provider is missing; expected one of "memory"'],
    [null, "queue configuration: expected an object with a provider"],
    [["memory"], "queue configuration: expected an object with a provider"],
    [{ provider: "memroy" }, 'provider: unknown provider "memroy", did you mean "memory"? Known: "memory"'],
    [{ provider: "kafka" }, 'provider: unknown provider "kafka", known: "memory"'],
    [{ provider: "constructor" }, 'unknown provider "constructor"'],
    [{ provider: 7 }, "provider: unknown provider 7"],
    [{ provider: "memory", capcity: 1 }, 'unknown key "capcity", did you mean "capacity"?'],
    [{ provider: "memory", zzzzzzzz: 1 }, 'unknown key "zzzzzzzz", known: '],
    [{ provider: "memory", capacity: "10" }, 'capacity: expected a number; got "10"'],
    [{ provider: "memory", capacity: 1.5 }, "capacity: expected a whole number; got 1.5"],
    [{ provider: "memory", capacity: 0 }, "capacity: expected at least 1; got 0"],
    [
      { provider: "memory", emulate: "kafka" },
      'emulate: expected one of "sqs", "pubsub", "service-bus"; got "kafka"',
    ],
    [{ provider: "memory", queues: "emails" }, 'queues: expected an array; got "emails"'],
    [
      { provider: "memory", decode: "sms" },
      'decode: expected names of decoders (cloudEvents, eventBridge, eventGrid, gcs, s3, sns): one, a list, or both by queue name; got "sms"',
    ],
    [{ provider: "memory", decode: ["sns", 5] }, "decode: expected names of decoders"],
    [{ provider: "memory", decode: { uploads: ["s4"] } }, "decode: expected names of decoders"],
    [{ provider: "memory", queues: ["a", 5] }, "queues[1]: expected a string; got 5"],
    [{ provider: "memory", backoff: { factor: 0.5 } }, "backoff.factor: expected at least 1; got 0.5"],
    [{ provider: "memory", backoff: { bas: 1 } }, 'backoff: unknown key "bas", did you mean "baseMs"?'],
    [
      { provider: "memory", sendDeadlineMs: 0 },
      'sendDeadlineMs: expected a duration such as 5000, "5s" or { "seconds": 5 }, more than 0 milliseconds; got 0',
    ],
    [{ provider: "sqs", endpoint: "localhost:4566" }, "endpoint: expected a URL that begins with http"],
    [
      { provider: "pubsub", queues: { a: { topic: "t" } } },
      "queues.a: expected a name, or an object with topic and subscription",
    ],
    [{ provider: "memory", sendDeadlineMs: Number.NaN }, "more than 0 milliseconds; got NaN"],
  ])("the configuration %j is refused with its path and the expected value", (config, sentence) => {
    expect(refusal(config)).toMatchObject({ code: "config", message: expect.stringContaining(sentence) });
  });

  test.each([
    { provider: "memory", delayStore: "postgres://me:hunter2@db/delays" },
    { provider: "memory", delayStore: { sqlite: ["postgres://me:hunter2@db/delays"] } },
    { provider: "memory", capacity: "Endpoint=sb://x/;SharedAccessKey=hunter2" },
    { provider: "memory", sendDeadlineMs: "redis://:hunter2@cache" },
    { provider: "amqp://me:hunter2@rabbit" },
  ])("a secret in the configuration %j does not get into the error", (config) => {
    expect(refusal(config)).toMatchObject({ code: "config" });
    expect(refusal(config)?.message).not.toContain("hunter2");
  });

  test("an error names every mistake of a configuration", () => {
    expect(refusal({ provider: "memory", capacity: 0, strict: "yes" })?.message).toMatch(
      /capacity: .*; strict: /,
    );
  });
});

describe("openQueue", () => {
  test("openQueue opens a queue that sends and receives", async () => {
    await using queue = await openQueue({ provider: "memory" });
    const { id } = await queue.send("emails", { type: "welcome", payload: { user: "u1" } });
    const stop = new AbortController();
    const seen: string[] = [];
    await queue.receive(
      "emails",
      async (message) => {
        seen.push(message.id);
        stop.abort();
      },
      { signal: stop.signal },
    );

    expect(seen).toEqual([id]);
    expect(queue.provider).toBe("memory");
  });

  test("the options of a provider are passed to its driver", async () => {
    await using queue = await openQueue({ provider: "memory", capacity: 1 });
    await queue.send("emails", { type: "welcome", payload: 1 });

    await expect(queue.send("emails", { type: "welcome", payload: 2 })).rejects.toMatchObject({
      code: "queue_full",
    });
  });

  test("openQueue takes a whole configuration file, and a mistake in its worker part is refused", async () => {
    const file = {
      $schema: "./schema.json",
      provider: "memory",
      worker: { queues: ["emails"], drainMs: "5s" },
    };
    await using queue = await openQueue(file as ConfigFile);

    expect(queue.provider).toBe("memory");
    await expect(
      openQueue({ provider: "memory", worker: { queue: ["emails"] } } as ConfigFile),
    ).rejects.toMatchObject({
      code: "config",
      message: 'queue configuration: worker: unknown key "queue", did you mean "queues"?',
    });
  });

  test.each([
    ["a driver", memory({ capacity: 1 })],
    ["a function that returns a driver", () => memory({ capacity: 1 })],
    ["a function that resolves to a driver", async () => memory({ capacity: 1 })],
  ])("openQueue opens %s, with the options of the configuration", async (_what, driver) => {
    await using queue = await openQueue({ driver, backoff: { baseMs: 5 }, worker: { concurrency: 1 } });
    await queue.send("emails", { type: "welcome", payload: 1 });

    await expect(queue.send("emails", { type: "welcome", payload: 2 })).rejects.toMatchObject({
      code: "queue_full",
    });
  });

  test.each<[object, string]>([
    [
      { driver: 5 },
      "driver: expected a driver, such as that of your adapter, or a function that returns one",
    ],
    [{ driver: () => ({}) }, "driver: expected a function that returns a driver; it returned {}"],
    [{ driver: memory(), provider: "memory" }, "provider and driver exclude each other; remove one of them"],
    [{ driver: memory(), prefix: "prod-" }, 'unknown key "prefix"'],
    [{ driver: memory(), wroker: {} }, 'unknown key "wroker", did you mean "worker"?'],
  ])("openQueue refuses the configuration %o of a driver", async (config, sentence) => {
    await expect(openQueue(config as ConfigFile)).rejects.toMatchObject({
      code: "config",
      message: expect.stringContaining(sentence),
    });
  });

  test("openQueue says that the function of the driver failed, and passes on an error of queueport", async () => {
    const failing = (error: Error) => async () => {
      throw error;
    };
    await expect(openQueue({ driver: failing(new Error("no host")) })).rejects.toMatchObject({
      code: "config",
      message: "queue configuration: driver: its function failed: Error: no host",
    });
    const own = new QueueError("missing_dependency", "Install it.");
    await expect(openQueue({ driver: failing(own) })).rejects.toBe(own);
  });

  test("openQueue closes the driver that it opened if the delay store cannot be opened", async () => {
    const closed: string[] = [];
    const driverNamed = (name: string) => {
      const driver = memory();
      driver.close = () => Promise.resolve(void closed.push(name));
      return driver;
    };
    // A folder is no file of a database.
    const delayStore = { sqlite: tmpdir() };
    await expect(openQueue({ driver: () => driverNamed("opened"), delayStore })).rejects.toThrow(
      "could not be opened",
    );
    await expect(openQueue({ driver: driverNamed("given"), delayStore })).rejects.toThrow(
      "could not be opened",
    );
    expect(closed).toEqual(["opened"]);
  });

  test("openQueue rejects a wrong configuration", async () => {
    const config = { provider: "memory", capacity: -1 } as QueueConfig;
    await expect(openQueue(config)).rejects.toMatchObject({ code: "config" });
  });
});
