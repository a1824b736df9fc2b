import { AsyncLocalStorage } from "node:async_hooks";
import { describe, expect, test, vi } from "vitest";
import type { NewMessage } from "../../../src/message/message.ts";
import type { Interceptor } from "../../../src/queue/interceptor.ts";
import { Worker } from "../../../src/worker/worker.ts";
import { Fixture } from "../receive/fixture.ts";
import { Door, watch } from "../support.ts";

const mail = (fields: Partial<NewMessage> = {}): NewMessage => ({ type: "mail", payload: {}, ...fields });
const withInterceptors = (...interceptors: Interceptor[]): Fixture =>
  new Fixture({ hooks: { interceptors } });

describe("an interceptor of sends", () => {
  test("is called in order around a send, and may change the message", async () => {
    const steps: string[] = [];
    const step = (name: string): Interceptor => ({
      send: async ({ queue, message, options }, next) => {
        steps.push(`${name} before ${queue} ${message.type} ${options.cancellable ?? false}`);
        const receipt = await next({ ...message, headers: { ...message.headers, [name]: "yes" } });
        steps.push(`${name} after ${receipt.id}`);
        return receipt;
      },
    });
    const fixture = withInterceptors(step("outer"), {}, step("inner"));

    const receipt = await fixture.queue.send("jobs", mail({ id: "1" }));

    expect(receipt).toEqual({ id: "1" });
    expect(steps).toEqual([
      "outer before jobs mail false",
      "inner before jobs mail false",
      "inner after 1",
      "outer after 1",
    ]);
    const [sent] = await fixture.peek("jobs");
    expect(JSON.parse(String(sent?.body))).toMatchObject({ headers: { outer: "yes", inner: "yes" } });
  });

  test("may set the trace context, which travels in attributes", async () => {
    const trace = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
    const fixture = withInterceptors({ send: ({ message }, next) => next({ ...message, trace }) });

    await fixture.queue.send("jobs", mail());

    expect((await fixture.peek("jobs"))[0]?.attributes).toMatchObject(trace);
  });

  test("may take a message over, and return a receipt of its own", async () => {
    const kept: unknown[] = [];
    const fixture = withInterceptors({
      send: async (call) => {
        kept.push(call);
        return { id: "stored" };
      },
    });

    await expect(fixture.queue.sendDelayed("jobs", mail(), "1h")).resolves.toEqual({ id: "stored" });
    expect(kept).toEqual([{ queue: "jobs", message: mail(), options: { delay: "1h" } }]);
    expect(await fixture.peek("jobs")).toEqual([]);
  });

  test("sees the error of a send that is refused", async () => {
    const seen: unknown[] = [];
    const fixture = withInterceptors({
      send: (_, next) =>
        next().catch((error: unknown) => {
          seen.push(error);
          throw error;
        }),
    });
    const refused = { code: "invalid_message" };

    await expect(fixture.queue.send("jobs", mail({ type: "" }))).rejects.toMatchObject(refused);
    expect(seen).toMatchObject([refused]);
  });

  test("that throws refuses the message, and nothing is sent", async () => {
    const fixture = withInterceptors({ send: () => Promise.reject(new Error("no tenant")) });

    await expect(fixture.queue.send("jobs", mail())).rejects.toThrow("no tenant");
    expect(await fixture.queue.sendBatch("jobs", [mail({ id: "7" })])).toMatchObject([
      { ok: false, id: "7", error: { code: "send_failed" } },
    ]);
    expect(await fixture.peek("jobs")).toEqual([]);
  });

  test("that returns nothing is refused if it has not called next, and has the receipt of next otherwise", async () => {
    const silent = withInterceptors({ send: (async () => undefined) as never });
    await expect(silent.queue.send("jobs", mail())).rejects.toMatchObject({
      code: "invalid_options",
      message: expect.stringContaining("neither called next nor returned a receipt") as string,
    });

    const forgetful = withInterceptors({
      send: (async (_: unknown, next: () => unknown) => void next()) as never,
    });
    await expect(forgetful.queue.send("jobs", mail({ id: "1" }))).resolves.toEqual({ id: "1" });
  });

  test("that calls next twice sends the message once", async () => {
    const fixture = withInterceptors({
      send: async (_, next) => {
        await next();
        return next();
      },
    });

    await expect(fixture.queue.send("jobs", mail())).rejects.toThrow("twice");
    expect(await fixture.peek("jobs")).toHaveLength(1);
  });

  test("that does not wait for a refused send leaves no unhandled rejection", async () => {
    const unhandled = vi.fn<() => void>();
    process.on("unhandledRejection", unhandled);
    const fixture = withInterceptors({
      send: async (_, next) => {
        void next({ type: "", payload: 1 });
        return { id: "mine" };
      },
    });

    await expect(fixture.queue.send("jobs", mail())).resolves.toEqual({ id: "mine" });
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });

  test("that is slow for the first message of a batch does not change the order, nor hold back the interceptors of others", async () => {
    const slow = new Door();
    const begun: string[] = [];
    const fixture = withInterceptors({
      send: async ({ message }, next) => {
        begun.push(message.id ?? "");
        if (message.id === "1") await slow.opened;
        return next();
      },
    });

    const sent = watch(fixture.queue.sendBatch("jobs", [mail({ id: "1" }), mail({ id: "2" })]));
    await fixture.clock.settle();
    expect(begun).toEqual(["1", "2"]);
    expect(await fixture.peek("jobs")).toEqual([]);
    slow.open();
    await fixture.clock.settle();

    expect(sent.value).toEqual([
      { ok: true, id: "1" },
      { ok: true, id: "2" },
    ]);
    const order = (await fixture.peek("jobs")).map(({ body }) => JSON.parse(String(body)) as { id: string });
    expect(order.map(({ id }) => id)).toEqual(["1", "2"]);
  });

  test("that runs one send at a time does not block a batch", async () => {
    let last: Promise<unknown> = Promise.resolve();
    const fixture = withInterceptors({
      send: (_, next) => {
        const sent = last.then(() => next());
        last = sent.catch(() => undefined);
        return sent;
      },
    });

    const sent = watch(
      fixture.queue.sendBatch("jobs", [mail({ id: "1" }), mail({ type: "" }), mail({ id: "3" })]),
    );
    await fixture.clock.settle();

    expect(sent.value?.map(({ ok }) => ok)).toEqual([true, false, true]);
  });

  test("is waited for when the queue closes", async () => {
    const door = new Door();
    const fixture = withInterceptors({
      send: async (_, next) => {
        const receipt = await next();
        await door.opened;
        return receipt;
      },
    });

    const sent = watch(fixture.queue.send("jobs", mail()));
    await fixture.clock.settle();
    const closed = watch(fixture.queue.close());
    await fixture.clock.settle();
    expect([sent.state, closed.state]).toEqual(["pending", "pending"]);
    door.open();
    await fixture.clock.settle();
    expect([sent.state, closed.state]).toEqual(["resolved", "resolved"]);
  });
});

describe("an interceptor of runs", () => {
  test("runs the handler within its own context, outside of a worker's middleware", async () => {
    const context = new AsyncLocalStorage<string>();
    const steps: string[] = [];
    const fixture = withInterceptors({
      run: ({ message, context: { queue, attempt } }, next) =>
        context.run(`${message.type} on ${queue}, attempt ${attempt}`, async () => {
          steps.push("before");
          await next();
          steps.push("after");
        }),
    });
    const worker = new Worker(fixture.queue)
      .use(async (_, next) => {
        steps.push(`middleware in ${context.getStore()}`);
        await next();
      })
      .register("mail", () => void steps.push(`handler in ${context.getStore()}`));

    await worker.start("jobs");
    await fixture.queue.send("jobs", mail());
    await fixture.clock.settle();
    const stopped = worker.stop();
    await fixture.clock.settle();
    await stopped;

    const where = "in mail on jobs, attempt 1";
    expect(steps).toEqual(["before", `middleware ${where}`, `handler ${where}`, "after"]);
    expect(await fixture.counts()).toEqual([0, 0, 0, 0]);
  });

  const fails: Parameters<Fixture["receive"]>[0] = () => Promise.reject(new Error("no"));

  test.each<[string, Interceptor["run"]]>([
    ["hides the error", (_, next) => next().catch(() => undefined)],
    ["does not wait", async (_, next) => void next()],
    ["throws another error", (_, next) => next().catch(() => Promise.reject(new Error("mine")))],
  ])("that %s does not hide the failure of a handler", async (_, run) => {
    const fixture = withInterceptors({ run });
    await fixture.send("mail");

    fixture.receive(fails);
    await fixture.clock.settle();

    expect(fixture.events.of("failed")).toMatchObject([{ error: new Error("no") }]);
    expect(fixture.events.of("completed")).toEqual([]);
  });

  test("that throws after the handler has succeeded is a warning, and the job is complete", async () => {
    const fixture = withInterceptors({
      run: async (_, next) => {
        await next();
        throw new Error("the exporter is gone");
      },
    });
    await fixture.send("mail");

    fixture.receive(() => undefined);
    await fixture.clock.settle();

    expect(fixture.events.names).toEqual(["started", "warning", "completed"]);
    expect(fixture.events.of("warning")).toMatchObject([
      { code: "interceptor", message: expect.stringContaining("the exporter is gone") as string },
    ]);
  });

  test("that passes an error of the handler on causes no warning", async () => {
    const fixture = withInterceptors({ run: (_, next) => next() });
    await fixture.send("mail");

    fixture.receive(fails);
    await fixture.clock.settle();

    expect(fixture.events.names).toEqual(["started", "failed", "retrying"]);
  });

  test.each<[string, Interceptor["run"], string]>([
    ["throws before the handler", () => Promise.reject(new Error("no tenant")), "no tenant"],
    ["never calls next", async () => undefined, "did not call next"],
  ])("that %s fails the run", async (_, run, problem) => {
    const fixture = withInterceptors({ run });
    const handler = vi.fn<() => void>();
    await fixture.send("mail");

    fixture.receive(handler);
    await fixture.clock.settle();

    expect(handler).not.toHaveBeenCalled();
    expect(String(fixture.events.of("failed")[0]?.error)).toContain(problem);
  });

  test("that calls next twice runs the handler once", async () => {
    const handler = vi.fn<() => void>();
    const fixture = withInterceptors({
      run: async (_, next) => {
        await next();
        await next();
      },
    });
    await fixture.send("mail");

    fixture.receive(handler);
    await fixture.clock.settle();

    expect(handler).toHaveBeenCalledTimes(1);
  });

  test("leaves the disposition that a handler returns as it is", async () => {
    const fixture = withInterceptors({ run: (_, next) => next() });
    await fixture.send("mail");

    fixture.receive(() => ({ kind: "dead_letter", reason: "refused", error: "no" }));
    await fixture.clock.settle();

    expect(fixture.events.of("dead_lettered")).toMatchObject([{ reason: "refused" }]);
  });
});

test("an interceptor of requests is called around each request to the provider, the first one outermost", async () => {
  const steps: string[] = [];
  const record = (name: string): Interceptor => ({
    request: async ({ queue, operation }, next) => {
      steps.push(`${name} ${operation} ${queue}`);
      return next();
    },
  });
  const fixture = withInterceptors(record("outer"), {}, record("inner"));
  fixture.receive(() => undefined);
  await fixture.clock.settle();
  await fixture.send("mail");
  await fixture.clock.settle();
  await fixture.queue.stats("jobs");

  const operations = ["describe", "send", "receive", "settle", "stats"];
  for (const operation of operations) expect(steps).toContain(`outer ${operation} jobs`);
  const outer = steps.indexOf("outer send jobs");
  expect(steps[outer + 1]).toBe("inner send jobs");
  fixture.stop.abort();
});

test.each<[string, object, string]>([
  ["a decoder that is no function", { decode: ["sns"] }, "decode must be a decoder"],
  ["a decoder by name that is no function", { decode: { uploads: "s3" } }, 'decode of "uploads" must be'],
  ["an encoder that is no function", { encode: {} }, "encode must be a function"],
  ["a parser that is no function", { parseJson: true }, "parseJson must be a function"],
  ["a codec without decode", { codec: { encode: () => undefined } }, "decode of codec must be"],
  ["null as a codec", { codec: null }, "encode of codec must be"],
  [
    "an encoder and a codec",
    { encode: () => ({ body: "" }), codec: { encode: () => undefined, decode: () => 1 } },
    "not both",
  ],
  ["one interceptor without a list", { interceptors: {} }, "interceptors must be a list"],
  ["null as an interceptor", { interceptors: [null] }, "an interceptor is an object"],
  ["an interceptor whose run is no function", { interceptors: [{ run: 1 }] }, "run of an interceptor"],
])("createQueue refuses %s", (_, hooks, problem) => {
  expect(() => new Fixture({ hooks })).toThrow(
    expect.objectContaining({ code: "invalid_options", message: expect.stringContaining(problem) as string }),
  );
});
