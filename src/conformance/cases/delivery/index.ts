import type { ConformanceCase } from "../../case.ts";
import { asyncContextCases } from "./async-context.ts";
import { closeCases } from "./close.ts";
import { concurrencyCases } from "./concurrency.ts";
import { contentCases } from "./content.ts";
import { foreignCases } from "./foreign.ts";
import { headerCases } from "./headers.ts";
import { nameCases } from "./names.ts";
import { receiverCases } from "./receivers.ts";
import { refusalCases } from "./refusals.ts";

/** A message arrives, once and unchanged, or its sender learns why it does not. */
export const deliveryCases: readonly ConformanceCase[] = [
  ...contentCases,
  ...headerCases,
  ...foreignCases,
  ...concurrencyCases,
  ...asyncContextCases,
  ...receiverCases,
  ...refusalCases,
  ...nameCases,
  ...closeCases,
];
