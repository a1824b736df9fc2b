import type { ConformanceCase } from "../../case.ts";
import { cancelCases } from "./cancel.ts";
import { edgeCases } from "./edges.ts";
import { longDelayCases } from "./long.ts";
import { onTimeCases } from "./on-time.ts";
import { storeCases } from "./store.ts";

/** A delayed message arrives when it is due, whatever the length of its delay, unless it is cancelled. */
export const delayCases: readonly ConformanceCase[] = [
  ...onTimeCases,
  ...edgeCases,
  ...longDelayCases,
  ...cancelCases,
  ...storeCases,
];
