import type { ConformanceCase } from "../../case.ts";
import { blockedKeyCases } from "./blocked-key.ts";
import { byKeyCases } from "./by-key.ts";
import { dedupCases } from "./dedup.ts";
import { undeclaredCases } from "./undeclared.ts";

/** A queue keeps the order of each key and absorbs duplicates, or refuses a message that asks for it. */
export const orderingCases: readonly ConformanceCase[] = [
  ...byKeyCases,
  ...blockedKeyCases,
  ...dedupCases,
  ...undeclaredCases,
];
