import { describe } from "vitest";
import { findServer, onServer } from "../support/servers/find-server.ts";
import { testCrashes } from "./support.ts";

const { server, missing } = await findServer("postgres");
await server?.close();

describe.skipIf(missing !== undefined)(onServer("postgres"), () => {
  testCrashes("postgres", { on: "PostgreSQL", kills: 24, jobs: 600 });
});
