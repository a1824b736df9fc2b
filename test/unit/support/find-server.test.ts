import { afterEach, expect, test, vi } from "vitest";
import { findServer, requiredServers, requireServer } from "../../support/servers/find-server.ts";

afterEach(() => vi.unstubAllEnvs());

test("the required servers are the names of the variable, and a misspelt one is refused", () => {
  expect(requiredServers("")).toEqual([]);
  expect(requiredServers(" postgres, ")).toEqual(["postgres"]);
  expect(() => requiredServers("postgre")).toThrow(/names "postgre"; the servers are postgres/);
});

test("a server that a variable names and that does not answer is an error, and not a skip", async () => {
  vi.stubEnv("QUEUEPORT_POSTGRES_URL", "postgres://postgres@127.0.0.1:1/postgres");
  for (const find of [findServer, requireServer])
    await expect(find("postgres")).rejects.toThrow(/at the address of QUEUEPORT_POSTGRES_URL/);
});
