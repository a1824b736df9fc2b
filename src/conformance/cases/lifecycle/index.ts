import type { ConformanceCase } from "../../case.ts";
import { cutCases } from "./cut.ts";
import { drainCases } from "./drain.ts";
import { restartCases } from "./restarts.ts";
import { statsCases } from "./stats.ts";
import { traceCases } from "./trace.ts";

/** A receiver drains, survives restarts and cuts, and can be observed. */
export const lifecycleCases: readonly ConformanceCase[] = [
  ...drainCases,
  ...restartCases,
  ...cutCases,
  ...traceCases,
  ...statsCases,
];
