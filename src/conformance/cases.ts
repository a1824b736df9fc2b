import type { ConformanceCase } from "./case.ts";
import { acknowledgementCases } from "./cases/acknowledgement.ts";
import { attemptCases } from "./cases/attempts.ts";
import { batchCases } from "./cases/batch.ts";
import { cancelCases } from "./cases/cancel.ts";
import { contentCases } from "./cases/content.ts";
import { copyCases } from "./cases/copies.ts";
import { deadLetterCases } from "./cases/dead-letters.ts";
import { delayCases } from "./cases/delay.ts";
import { deliveryCases } from "./cases/delivery.ts";
import { drainCases } from "./cases/drain.ts";
import { failureCases } from "./cases/failure.ts";
import { leaseCases } from "./cases/leases.ts";
import { lifecycleCases } from "./cases/lifecycle.ts";
import { orderingCases } from "./cases/ordering.ts";
import { redriveCases } from "./cases/redrive.ts";
import { sizeCases } from "./cases/sizes.ts";
import { statsCases } from "./cases/stats.ts";
import { unreadableCases } from "./cases/unreadable.ts";
import { verdictCases } from "./cases/verdicts.ts";
import { type Line, lines } from "./manifest.ts";

const all: readonly ConformanceCase[] = [
  ...contentCases,
  ...deliveryCases,
  ...acknowledgementCases,
  ...verdictCases,
  ...attemptCases,
  ...leaseCases,
  ...copyCases,
  ...failureCases,
  ...unreadableCases,
  ...deadLetterCases,
  ...redriveCases,
  ...sizeCases,
  ...batchCases,
  ...delayCases,
  ...cancelCases,
  ...orderingCases,
  ...drainCases,
  ...lifecycleCases,
  ...statsCases,
];

/** Every case, in the order in which they are run. */
export function conformanceCases(): readonly ConformanceCase[] {
  return all;
}

/** Every line of what is required, with the names of the cases that prove it. */
export function manifest(): readonly (Line & { readonly cases: readonly string[] })[] {
  return lines.map((line) => ({
    ...line,
    cases: all.filter((one) => one.line === line.id).map(({ name }) => name),
  }));
}
