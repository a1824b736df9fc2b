import { AsyncLocalStorage } from "node:async_hooks";
import { expect, test } from "vitest";
import { DriverError } from "../../../src/driver/error.ts";
import { PauseController } from "../../../src/lib/pause.ts";
import { Door, SECOND } from "../support.ts";
import { Fixture } from "./fixture.ts";

const storage = new AsyncLocalStorage<string>();
const store = (): string => storage.getStore() ?? "none";

test("handlers and events of one tick do not see the stores that each handler enters", async () => {
  const fixture = new Fixture();
  const seen: string[] = [];
  const events = new Set<string>();
  await fixture.send("a", "b", "c");
  storage.run("receiver", () =>
    fixture.receive(
      async ({ type }) => {
        seen.push(store());
        storage.enterWith(`job ${type}`);
        // Its message wakes the poller, in the context of this job.
        if (type === "a") await fixture.send("d");
      },
      { concurrency: 2, onEvent: ({ event }) => void events.add(`${event}: ${store()}`) },
    ),
  );
  await fixture.clock.settle();

  expect(seen).toEqual(["receiver", "receiver", "receiver", "receiver"]);
  expect(events).toEqual(new Set(["polled: receiver", "started: receiver", "completed: receiver"]));
});

test("a handler that a resume starts begins in the context of the caller of receive", async () => {
  const fixture = new Fixture();
  const pause = new PauseController();
  const seen: string[] = [];
  const events = new Set<string>();
  const door = new Door();
  await fixture.send("slow", "slow", "slow");
  storage.run("receiver", () => {
    const handler = (): Promise<void> => {
      seen.push(store());
      return door.opened;
    };
    const onEvent = ({ event }: { readonly event: string }): void => void events.add(`${event}: ${store()}`);
    const concurrencyOf = (): number => (pause.paused ? 0 : limit);
    fixture.receive(handler, { pause, concurrency: 3, concurrencyOf, onEvent });
  });
  let limit = 1;
  await fixture.clock.settle();
  expect(seen).toEqual(["receiver"]);

  pause.pause();
  limit = 3;
  storage.run("somebody", () => pause.resume());
  await fixture.clock.settle();
  expect(seen).toEqual(["receiver", "receiver", "receiver"]);

  door.open();
  await fixture.clock.settle();
  expect(events).toEqual(new Set(["polled: receiver", "started: receiver", "completed: receiver"]));
});

test("a handler that starts since an extension failed in another one begins in the context of the caller of receive", async () => {
  const fixture = new Fixture();
  const seen: string[] = [];
  const events: string[] = [];
  const door = new Door();
  await fixture.send("a", "b");
  fixture.fault = (point) =>
    point.operation === "settle" && point.operations.some(({ kind }) => kind === "extend")
      ? { kind: "error", error: new DriverError("lease_lost", "gone") }
      : undefined;
  storage.run("receiver", () =>
    fixture.receive(
      async ({ type }, { extend }) => {
        seen.push(`${type}: ${store()}`);
        storage.enterWith(`job ${type}`);
        await extend().catch(() => undefined);
        await door.opened;
      },
      { concurrency: 1, onEvent: ({ event }) => void (event === "polled" || events.push(store())) },
    ),
  );
  await fixture.clock.settle();
  door.open();
  await fixture.clock.advance(SECOND);

  expect(seen.slice(0, 2)).toEqual(["a: receiver", "b: receiver"]);
  expect(new Set(events)).toEqual(new Set(["receiver"]));
});

test("a request that carries messages of several senders is made in the context of none of them", async () => {
  const seen: string[] = [];
  const fixture = storage.run("creator", () => new Fixture());
  fixture.fault = ({ operation }) => {
    if (operation === "send") seen.push(store());
    return undefined;
  };
  for (const sender of ["one", "two"])
    await storage.run(sender, () =>
      Promise.all(["a", "b"].map((type) => fixture.queue.send("jobs", { type, payload: {} }))),
    );

  expect(seen).toEqual(["creator", "creator"]);
});

test("the context of a sender is still there when its send has resolved", async () => {
  const fixture = new Fixture();
  const seen = await Promise.all(
    ["one", "two"].map((sender) =>
      storage.run(sender, async () => {
        await fixture.queue.send("jobs", { type: "a", payload: {} });
        return store();
      }),
    ),
  );

  expect(seen).toEqual(["one", "two"]);
});
