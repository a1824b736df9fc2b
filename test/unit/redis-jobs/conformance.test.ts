import { describe } from "vitest";
import { describeJobStoreConformance } from "../../../src/jobs/conformance/vitest.ts";
import { FakeClock } from "../../../src/testing/index.ts";
import { findServer, onServer } from "../../support/servers/find-server.ts";
import { StoreFixture } from "./fixture.ts";

const { server, missing } = await findServer("redis");

describe.skipIf(missing !== undefined)(onServer("redis"), () => {
  describeJobStoreConformance("redis", async () => {
    const fixture = new StoreFixture(server?.url ?? "");
    const clock = new FakeClock();
    return {
      name: "redis",
      clock,
      open: () => fixture.store({ clock }),
      close: async () => {
        await fixture.close();
        await server?.close();
      },
    };
  });
});
