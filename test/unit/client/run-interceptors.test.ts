import { AsyncLocalStorage } from "node:async_hooks";
import { describe, expect, test, vi } from "vitest";
import type { Interceptor } from "../../../src/queue/interceptor.ts";
import { Worker } from "../../../src/worker/worker.ts";
import { Fixture } from "../receive/fixture.ts";
import { unhandledDuring } from "../support.ts";

const withInterceptors = (...interceptors: Interceptor[]): Fixture =>
  new Fixture({ hooks: { interceptors } });

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
    await fixture.queue.send("jobs", { type: "mail", payload: {} });
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

  test("that calls next twice without waiting for it causes a warning, and no unhandled rejection", async () => {
    const handler = vi.fn<() => void>();
    const fixture = withInterceptors({
      run: async (_, next) => {
        void next();
        void next();
      },
    });
    await fixture.send("mail");

    fixture.receive(handler);
    const unhandled = await unhandledDuring(() => fixture.clock.settle());

    expect(unhandled).toEqual([]);
    expect(handler).toHaveBeenCalledTimes(1);
    expect(fixture.events.names).toEqual(["started", "warning", "completed"]);
    expect(fixture.events.of("warning")).toMatchObject([
      { code: "interceptor", message: expect.stringContaining("next twice") as string },
    ]);
  });

  test("that calls next after it has ended does not run the handler of a job that is settled, and is reported", async () => {
    const handler = vi.fn<() => void>();
    let late: () => Promise<unknown> = () => Promise.resolve();
    const fixture = withInterceptors({
      run: async (_, next) => {
        late = next;
      },
    });
    await fixture.send("mail");
    fixture.receive(handler);
    await fixture.clock.settle();

    await expect(late()).rejects.toThrow("after it had ended");
    expect(await unhandledDuring(async () => void late())).toEqual([]);
    expect(handler).not.toHaveBeenCalled();
    expect(fixture.events.names).toEqual(["started", "failed", "retrying", "warning", "warning"]);
  });

  test("leaves the disposition that a handler returns as it is", async () => {
    const fixture = withInterceptors({ run: (_, next) => next() });
    await fixture.send("mail");

    fixture.receive(() => ({ kind: "dead_letter", reason: "refused", error: "no" }));
    await fixture.clock.settle();

    expect(fixture.events.of("dead_lettered")).toMatchObject([{ reason: "refused" }]);
  });
});
