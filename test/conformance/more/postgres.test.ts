import { describe } from "vitest";
import { findServer, onServer } from "../../support/servers/find-server.ts";
import { testConformance } from "../support.ts";

// The harness finds it again: a private server would have to live until the last case.
const { server, missing } = await findServer("postgres");
await server?.close();
if (missing !== undefined) console.warn(`SKIPPED: the conformance of the postgres adapter. ${missing}`);

describe.skipIf(missing !== undefined)(onServer("postgres"), () => {
  testConformance("postgres");
});
