import type { JobStoreCase } from "../case.ts";
import { applyCases } from "./apply.ts";
import { changeFeedCases } from "./change-feed.ts";
import { countCases } from "./counts.ts";
import { dataCases } from "./data.ts";
import { dispatchCases } from "./dispatch.ts";
import { lifecycleCases } from "./lifecycle.ts";
import { listCases } from "./lists.ts";
import { modelCases } from "./model.ts";
import { pruneCases } from "./prune.ts";
import { sharingCases } from "./sharing.ts";
import { transactionCases } from "./transactions.ts";
import { workerCases } from "./workers.ts";

/** All cases of the suite. */
export function jobStoreCases(): JobStoreCase[] {
  return [
    ...applyCases,
    ...dataCases,
    ...listCases,
    ...countCases,
    ...dispatchCases,
    ...changeFeedCases,
    ...pruneCases,
    ...workerCases,
    ...lifecycleCases,
    ...sharingCases,
    ...transactionCases,
    ...modelCases,
  ];
}
