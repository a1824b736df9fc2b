import { expect, test } from "vitest";
import { conformanceCases, manifest } from "../../../src/conformance/index.ts";
import { acknowledgementCases } from "../../../src/conformance/cases/acknowledgement/index.ts";
import { contractCases } from "../../../src/conformance/cases/contract/index.ts";
import { delayCases } from "../../../src/conformance/cases/delay/index.ts";
import { deliveryCases } from "../../../src/conformance/cases/delivery/index.ts";
import { failureCases } from "../../../src/conformance/cases/failure/index.ts";
import { lifecycleCases } from "../../../src/conformance/cases/lifecycle/index.ts";
import { orderingCases } from "../../../src/conformance/cases/ordering/index.ts";

test.each(manifest())("the requirement $id has a case that proves it", ({ cases }) => {
  expect(cases).not.toEqual([]);
});

test("every case proves a requirement of the manifest", () => {
  const ids = new Set<string>(manifest().map(({ id }) => id));
  const astray = conformanceCases().filter(({ requirement }) => !ids.has(requirement));
  expect(astray.map(({ name }) => name)).toEqual([]);
});

test.each(
  Object.entries({
    acknowledgement: acknowledgementCases,
    contract: contractCases,
    delay: delayCases,
    delivery: deliveryCases,
    failure: failureCases,
    lifecycle: lifecycleCases,
    ordering: orderingCases,
  }),
)("the folder %s holds the cases of its group and no others", (group, cases) => {
  expect(cases).toEqual(conformanceCases().filter((one) => one.group === group));
});

test("the names of cases and the ids of requirements are unique", () => {
  const names = conformanceCases().map(({ name }) => name);
  const ids = manifest().map(({ id }) => id);
  expect(new Set(names).size).toBe(names.length);
  expect(new Set(ids).size).toBe(ids.length);
});

test("the names of cases are sentences: lower case, and without a colon or a semicolon", () => {
  const names = conformanceCases().map(({ name }) => name);
  expect(names.filter((name) => !/^[a-z\d][^:;]{20,}$/.test(name))).toEqual([]);
});
