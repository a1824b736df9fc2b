import { expect, it } from "vitest";
import { tooOld } from "../../../cmd/lib/node-version.ts";

it.each(["22.18.0", "v22.18.0", "22.20.1", "24.0.0"])("takes Node %s", (version) => {
  expect(tooOld(version, ">=22.18")).toBeUndefined();
});

it.each(["v20.20.2", "22.17.9", "v18.0.0"])("refuses Node %s, and says what is needed", (version) => {
  expect(tooOld(version, ">=22.18")).toBe(`This is Node ${version}, and 22.18 or later is needed.`);
});
