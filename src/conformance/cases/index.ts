import type { ConformanceCase, Group } from "../case.ts";
import { type Requirement, requirements } from "../manifest.ts";
import { acknowledgementCases } from "./acknowledgement/index.ts";
import { contractCases } from "./contract/index.ts";
import { delayCases } from "./delay/index.ts";
import { deliveryCases } from "./delivery/index.ts";
import { failureCases } from "./failure/index.ts";
import { lifecycleCases } from "./lifecycle/index.ts";
import { orderingCases } from "./ordering/index.ts";

/** The cases of each group. To add a group, add its name to `Group`, its folder here, and its row below. */
const groups: Readonly<Record<Group, readonly ConformanceCase[]>> = {
  contract: contractCases,
  delivery: deliveryCases,
  acknowledgement: acknowledgementCases,
  failure: failureCases,
  delay: delayCases,
  ordering: orderingCases,
  lifecycle: lifecycleCases,
};
const all: readonly ConformanceCase[] = Object.values(groups).flat();

/** Returns every case, in the order in which they run. */
export function conformanceCases(): readonly ConformanceCase[] {
  return all;
}

/** A requirement with the names of the cases that prove it. */
export interface ProvenRequirement extends Requirement {
  readonly cases: readonly string[];
}

/** Returns every requirement with its cases. */
export function manifest(): readonly ProvenRequirement[] {
  return requirements.map((requirement) => ({
    ...requirement,
    cases: all.filter((one) => one.requirement === requirement.id).map(({ name }) => name),
  }));
}
