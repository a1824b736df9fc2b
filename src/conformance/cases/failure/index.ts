import type { ConformanceCase } from "../../case.ts";
import { backoffCases } from "./backoff.ts";
import { batchCases } from "./batch.ts";
import { brokerCases } from "./broker.ts";
import { crashLoopCases } from "./crash-loop.ts";
import { deadLetterCases } from "./dead-letters.ts";
import { deadLetteringCases } from "./dead-lettering.ts";
import { groupCases } from "./groups.ts";
import { malformedCases } from "./malformed.ts";
import { redriveCases } from "./redrive.ts";
import { sizeCases } from "./sizes.ts";
import { unknownTypeCases } from "./unknown-type.ts";

/** A message that fails is retried, then dead-lettered, and can be redriven. No failure loses it or affects another one. */
export const failureCases: readonly ConformanceCase[] = [
  ...backoffCases,
  ...deadLetteringCases,
  ...crashLoopCases,
  ...malformedCases,
  ...unknownTypeCases,
  ...deadLetterCases,
  ...groupCases,
  ...redriveCases,
  ...brokerCases,
  ...sizeCases,
  ...batchCases,
];
