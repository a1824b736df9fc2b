import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that wait minutes for a server, the longest first. If they began last, they would run alone at the end. */
const LONGEST = [
  "conformance/pubsub.test.ts",
  "conformance/more/service-bus-sessions.test.ts",
  "conformance/more/postgres",
  "conformance/more/redis",
  "conformance/sqs.test.ts",
  "conformance/service-bus.test.ts",
  "conformance/directory.test.ts",
  "conformance/more/sqs-second.test.ts",
  "cmd/end-to-end.test.ts",
  "fault/sqs-volume.test.ts",
  "fault/pubsub.test.ts",
  "conformance/more/delay-store.test.ts",
  "fault/pubsub-connections.test.ts",
  "fault/sqs-worker.test.ts",
  "conformance/more/pubsub-policies.test.ts",
  "crash/",
  "fault/",
];

/** Starts the longest files first, and leaves the others in the order of Vitest. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- not the method of an array
    const sorted = await super.sort(files);
    return sorted.toSorted((one, other) => rank(one) - rank(other));
  }
}

function rank({ moduleId }: TestSpecification): number {
  const at = LONGEST.findIndex((part) => moduleId.includes(`/test/${part}`));
  return at === -1 ? LONGEST.length : at;
}
