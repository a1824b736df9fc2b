import { expect, test } from "vitest";
import { applyTypeSettings } from "../../../cmd/worker/type-settings.ts";
import type { Worker } from "../../../src/worker/worker.ts";

/** A worker that keeps what is registered. */
function recorder(): { readonly worker: Worker; readonly registered: unknown[] } {
  const registered: unknown[] = [];
  const worker = {
    register(...given: unknown[]) {
      registered.push(given);
      return worker;
    },
  } as unknown as Worker;
  return { worker, registered };
}

const handler = (): void => {};
const types = {
  email: { timeout: 600_000, concurrency: 2, track: "off", max_retries: 3, when_store_is_down: "wait" },
} as const;
const fromFile = {
  type: "email",
  timeoutMs: 600_000,
  concurrency: 2,
  track: "off",
  maxAttempts: 4,
  whenStoreIsDown: "wait",
};

test("a type that is registered by its name gets the settings of the configuration", () => {
  const { worker, registered } = recorder();
  applyTypeSettings(worker, types);
  expect(worker.register("email", handler, { timeoutMs: 5 })).toBe(worker);
  expect(registered).toEqual([[fromFile, handler, { timeoutMs: 5 }]]);
});

test("a job definition keeps its own settings, and gets those that it lacks", () => {
  const { worker, registered } = recorder();
  applyTypeSettings(worker, types);
  const definition = { type: "email", timeoutMs: 1, concurrency: undefined, track: "full" } as never;
  worker.register(definition, handler);
  expect(registered).toEqual([[{ ...fromFile, timeoutMs: 1, track: "full" }, handler]]);
});

test.each(["other", "constructor", undefined])("the type %o, which has no settings, is passed on", (type) => {
  const { worker, registered } = recorder();
  applyTypeSettings(worker, types);
  worker.register(type as string, handler);
  expect(registered).toEqual([[type, handler]]);
});
