import type { ConformanceCase } from "../../case.ts";
import { adminCases } from "./admin.ts";
import { countCases } from "./counts.ts";
import { deliveryCases } from "./deliveries.ts";
import { errorCases } from "./errors.ts";
import { leaseCases } from "./leases.ts";
import { lostAnswerCases } from "./lost-answers.ts";
import { pollCases } from "./polls.ts";
import { sendCases } from "./sends.ts";
import { settlementCases } from "./settlements.ts";
import { transactionCases } from "./transactions.ts";

/**
 * The contract of `Driver` and `Source`, called directly. The other groups see an adapter through the core, which hides
 * many faults: it sends again, extends, releases and counts.
 */
export const contractCases: readonly ConformanceCase[] = [
  ...sendCases,
  ...pollCases,
  ...deliveryCases,
  ...leaseCases,
  ...settlementCases,
  ...countCases,
  ...transactionCases,
  ...adminCases,
  ...errorCases,
  ...lostAnswerCases,
];
