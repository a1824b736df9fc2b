import * as fc from "fast-check";
import { Hono } from "hono";
import { expect, test } from "vitest";
import { document } from "./contract.ts";
import { ApiFixture } from "./fixture.ts";

interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: unknown;
}

const paths = document["paths"] as Readonly<Record<string, Readonly<Record<string, Operation>>>>;
const operations = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
);
const names = [
  ...new Set(
    operations.flatMap(({ operation }) =>
      (operation.parameters ?? []).filter((one) => one.in === "query").map(({ name }) => name),
    ),
  ),
];

/** Values that have broken other programs, and any text. */
const value = fc.oneof(
  fc.constantFrom(
    "",
    "0",
    "-1",
    "1e999",
    "NaN",
    "null",
    "true",
    "%",
    "a,b,,",
    "2026-13-45T99:99:99Z",
    "\u0000",
    "\ud800",
    "../..",
    "' OR 1=1 --",
    "{}",
    "[]",
  ),
  fc.string({ unit: "binary", maxLength: 40 }),
);
const members = fc.constantFrom(
  "type",
  "payload",
  "priority",
  "queue",
  "id",
  "delay_ms",
  "scheduled_at",
  "max_retries",
  "tags",
  "headers",
  "tenant",
  "action",
  "ids",
  "filter",
  "dry_run",
  "reason",
  "force",
  "all",
  "to",
  "rate_per_second",
  "__proto__",
);
const isTransient = (path: string): boolean => path.endsWith("events");

test("no query and no path makes the API fail", async () => {
  await using fixture = await ApiFixture.open({ api: { anyType: true } });
  const reads = operations.filter(({ method, path }) => method === "GET" && !isTransient(path));
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...reads),
      value,
      fc.array(fc.tuple(fc.constantFrom(...names), value), { maxLength: 11 }),
      async ({ path }, id, query) => {
        const target = path.replaceAll(/\{\w+\}/g, () => encodeURIComponent(id.toWellFormed()) || "x");
        const search = new URLSearchParams(
          query.map(([name, one]): [string, string] => [name, one.toWellFormed()]),
        );
        search.delete("wait");
        const response = await fixture.raw(`/api/v1${target}?${search.toString()}`);
        await response.text();
        expect(response.status).toBeLessThan(500);
      },
    ),
    { numRuns: 1_000 },
  );
  expect(fixture.errors).toEqual([]);
});

test("no body makes the API fail", async () => {
  await using fixture = await ApiFixture.open({ api: { anyType: true } });
  const writes = operations.filter(({ method }) => method === "POST");
  const json = fc.oneof(
    fc.jsonValue(),
    fc.dictionary(members, fc.oneof(fc.jsonValue(), value), { maxKeys: 6 }),
    fc.record({
      type: fc.constantFrom("email", "other"),
      payload: fc.jsonValue(),
      queue: fc.constant("emails"),
      tags: fc.array(value, { maxLength: 3 }),
    }),
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...writes), json, async ({ path }, body) => {
      const target = path.replaceAll(/\{\w+\}/g, "emails");
      const init = {
        method: "POST",
        body: JSON.stringify(body),
        headers: { "content-type": "application/json" },
      };
      const response = await fixture.raw(`/api/v1${target}`, init);
      const answer = (await response.json()) as { readonly detail?: string };
      expect([response.status, answer.detail].join(" ")).not.toMatch(/^5/);
    }),
    { numRuns: 1_000 },
  );
  expect(fixture.errors).toEqual([]);
});

test("no header makes the API fail, or puts another one into the answer", async () => {
  await using fixture = await ApiFixture.open();
  const header = fc.constantFrom(
    "if-none-match",
    "idempotency-key",
    "last-event-id",
    "origin",
    "host",
    "authorization",
    "content-type",
    "accept",
    "sec-fetch-site",
  );
  const text = fc
    .string({ maxLength: 60 })
    .map((one) => one.replaceAll(/[^\u0020-\u007e\u00a0-\u00ff]/g, ""));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(header, text), { maxLength: 4 }), async (headers) => {
      const body = JSON.stringify({ type: "email", payload: { to: "a" } });
      const init = {
        method: "POST",
        body,
        headers: { "content-type": "application/json", ...Object.fromEntries(headers) },
      };
      const response = await fixture.raw("/jobs", init);
      await response.text();
      expect(response.status).toBeLessThan(500);
      expect(response.headers.has("set-cookie")).toBe(false);
    }),
    { numRuns: 500 },
  );
  expect(fixture.errors).toEqual([]);
});

test("a hono application mounts the API below its base path", async () => {
  await using fixture = await ApiFixture.open();
  const app = new Hono().mount("/api/v1", fixture.api);
  const init = {
    method: "POST",
    body: JSON.stringify({ type: "email", payload: { to: "a" } }),
    headers: { "content-type": "application/json" },
  };
  const sent = await app.request("http://localhost/api/v1/jobs", init);
  expect(sent.status).toBe(201);
  expect((await app.request(`http://localhost${sent.headers.get("location")}`)).status).toBe(200);
  expect((await app.request("http://localhost/other")).status).toBe(404);
});
