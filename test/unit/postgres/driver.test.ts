import { expect, test } from "vitest";
import { fromDrizzle, fromPrisma, postgres } from "../../../adapters/postgres/index.ts";
import { compareIds } from "../../../adapters/postgres/settle.ts";

test.each([
  [{ url: "mysql://localhost" }, /url must begin with postgres:\/\//],
  [{ listen: { url: "db.internal" } }, /listen\.url must begin with postgres:\/\//],
  [{ schema: 'a"b' }, /schema must be up to 48 letters/],
  [{ poolSize: 0 }, /poolSize must be a number, 1 or more/],
  [{ requestTimeoutMs: 0 }, /requestTimeoutMs must be a duration, more than 0/],
  [{ dedupWindowMs: -1 }, /dedupWindowMs must be a duration/],
  [{ maxMessageBytes: 1e9 }, /maxMessageBytes must be a number/],
  [{ synchronousCommit: "on" }, /synchronousCommit can only be "off"/],
  [{ client: {} }, /client must have a method query/],
  [{ client: { query() {} }, url: "postgres://localhost" }, /give url or client, not both/],
  [{ shema: "a" }, /unknown option "shema"; did you mean schema/],
])("a wrong option is refused when the driver is created: %o", (options, problem) => {
  expect(() => postgres(options as never)).toThrow(problem);
});

test("the scope names the server, the database and the schema, and no password", async () => {
  const driver = postgres({ url: "postgres://app:secret@db.internal:5433/app", schema: "jobs" });
  expect(driver.scope).toBe("postgres:db.internal:5433/app:jobs");
  await driver.close();
});

test.each([
  ["is empty", ""],
  ["has a NUL", "a\0b"],
  ["has half of a character", "\ud800"],
  ["is too long", "x".repeat(201)],
])("a name of a queue that %s is refused before a request", async (_what, name) => {
  const driver = postgres({ url: "postgres://127.0.0.1:1/none" });
  await expect(driver.describe(name)).rejects.toMatchObject({ kind: "permanent" });
  expect(() => driver.open(name, { prefetch: 1, leaseMs: 1 })).toThrow(/is not a valid name/);
  await driver.close();
});

test("a handle of another provider is refused", async () => {
  const driver = postgres({ url: "postgres://127.0.0.1:1/none" });
  for (const handle of ["7", "postgres:", "postgres:7;", "sqlite:7"])
    await expect(driver.cancel?.(handle)).rejects.toMatchObject({ kind: "permanent" });
  await driver.close();
});

test("a server that cannot be reached is an error that may pass, within the time limit", async () => {
  const driver = postgres({ url: "postgres://127.0.0.1:1/none" });
  await expect(driver.describe("emails")).rejects.toMatchObject({
    kind: "transient",
    message: expect.stringMatching(/ECONNREFUSED/),
  });
  await driver.close();
});

test("ids are compared as numbers, whatever their length", () => {
  expect(["10", "9", "123", "9"].toSorted(compareIds)).toEqual(["9", "9", "10", "123"]);
});

test("a transaction of Drizzle gets the values as parameters", async () => {
  const sql = {
    raw: (text: string) => text,
    param: (value: unknown) => ({ value }),
    join: (chunks: unknown[]) => chunks,
  };
  const seen: unknown[] = [];
  const execute = async (query: unknown): Promise<unknown> => {
    seen.push(query);
    return [{ ids: "1" }];
  };
  const executor = fromDrizzle({ execute }, sql);
  expect(await executor.query("SELECT f($2, $1)", ["a", "b"])).toEqual({ rows: [{ ids: "1" }] });
  expect(seen).toEqual([["SELECT f(", { value: "b" }, ", ", { value: "a" }, ")"]]);
});

test("a transaction of Prisma gets the values as parameters", async () => {
  const executor = fromPrisma({ $queryRawUnsafe: async (...query) => query });
  expect(await executor.query("SELECT f($1)", ["a"])).toEqual({ rows: ["SELECT f($1)", "a"] });
});
