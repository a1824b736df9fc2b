import { describe, expect, test, vi } from "vitest";
import type { Interceptor } from "../../../src/queue/interceptor.ts";
import { Fixture } from "../receive/fixture.ts";

const withInterceptors = (...interceptors: Interceptor[]): Fixture =>
  new Fixture({ hooks: { interceptors } });

describe("an interceptor of requests", () => {
  test.each<readonly [string, Interceptor["request"]]>([
    [
      "returns nothing",
      async (_, next) => {
        await next();
        return undefined as never;
      },
    ],
    [
      "throws after the request",
      async (_, next) => {
        await next();
        throw new Error("the exporter is gone");
      },
    ],
    [
      "calls next twice",
      async (_, next) => {
        await next();
        return next();
      },
    ],
  ])("that %s changes no result, and each request is made once", async (_, request) => {
    const handler = vi.fn<() => void>();
    const fixture = withInterceptors({ request });
    await fixture.send("mail", "mail");

    fixture.receive(handler);
    await fixture.clock.settle();

    expect(handler).toHaveBeenCalledTimes(2);
    expect(await fixture.counts()).toEqual([0, 0, 0, 0]);
    fixture.stop.abort();
  });

  test("that does not call next fails the request, and says so", async () => {
    const fixture = withInterceptors({ request: async () => undefined as never });

    await expect(fixture.queue.stats("jobs")).rejects.toThrow("did not call next");
  });
});

test("an interceptor that calls next twice and waits for neither leaves no unhandled rejection", async () => {
  const unhandled = vi.fn<() => void>();
  process.on("unhandledRejection", unhandled);
  const handler = vi.fn<() => void>();
  const fixture = withInterceptors({
    send: async (_, next) => {
      const sent = next();
      void next();
      return sent;
    },
    run: async (_, next) => {
      void next();
      void next();
    },
  });
  await fixture.send("mail");

  fixture.receive(handler);
  await fixture.clock.settle();
  await new Promise((resolve) => setImmediate(resolve));
  process.off("unhandledRejection", unhandled);

  expect(handler).toHaveBeenCalledTimes(1);
  expect(unhandled).not.toHaveBeenCalled();
});
