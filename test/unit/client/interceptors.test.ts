import { describe, expect, test, vi } from "vitest";
import type { NewMessage } from "../../../src/message/message.ts";
import type { Interceptor } from "../../../src/queue/interceptor.ts";
import { Fixture } from "../receive/fixture.ts";
import { Door, unhandledDuring, watch } from "../support.ts";

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

  test("that calls next a second time without waiting for it leaves no unhandled rejection", async () => {
    const fixture = withInterceptors({
      send: async (_, next) => {
        void next();
        void next();
        return { id: "mine" };
      },
    });

    expect(await unhandledDuring(async () => void (await fixture.queue.send("jobs", mail())))).toEqual([]);
    expect(await fixture.peek("jobs")).toHaveLength(1);
  });

  test("that calls next after its send was refused sends nothing", async () => {
    let late: () => Promise<unknown> = () => Promise.resolve();
    const fixture = withInterceptors({
      send: async (_, next) => {
        late = next;
        throw new Error("no tenant");
      },
    });

    await expect(fixture.queue.send("jobs", mail())).rejects.toThrow("no tenant");
    await expect(late()).rejects.toThrow("after its send had failed");
    expect(await fixture.peek("jobs")).toEqual([]);
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
