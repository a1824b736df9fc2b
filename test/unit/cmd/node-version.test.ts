import { expect, it } from "vitest";
import { tooOld } from "../../../cmd/lib/node-version.ts";

it.each(["22.18.0", "v22.18.0", "22.20.1", "24.0.0"])("Node %s is accepted", (version) => {
  expect(tooOld(version, ">=22.18")).toBeUndefined();
});

it.each(["v20.20.2", "22.17.9", "v18.0.0"])(
  "Node %s is refused, and the version needed is named",
  (version) => {
    expect(tooOld(version, ">=22.18")).toBe(
      `queueport needs Node 22.18 or later; this is Node ${version}. Upgrade Node.`,
    );
  },
);
