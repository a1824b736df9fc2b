import { describe, expect, test } from "vitest";
import {
  type Capabilities,
  capabilitiesOf,
  type ConformanceCase,
  conformanceCases,
  type Summary,
} from "../../src/conformance/index.ts";
import { describeConformance } from "../../src/conformance/vitest.ts";
import { readCapabilities } from "./capabilities-file.ts";
import { harnesses } from "./harness/index.ts";

/** Declares the tests of one adapter, and compares their result with docs/capabilities.json. */
export function testConformance(
  adapter: string,
  options: {
    /** Whether docs/capabilities.json has an entry for the adapter. @default true */
    readonly isListed?: boolean;
    /** Selects the cases that run. @default all */
    readonly only?: (one: ConformanceCase) => boolean;
  } = {},
): void {
  const harness = harnesses[adapter];
  if (harness === undefined) throw new Error(`There is no harness for "${adapter}".`);

  describe(`adapter ${adapter}`, () => {
    let summary: Summary | undefined;
    describeConformance(adapter, harness, {
      only: options.only,
      concurrent: !adapter.startsWith("memory"),
      onSummary: (result) => {
        summary = result;
      },
    });

    if (options.isListed === false) return;
    test("docs/capabilities.json has the result of this run", async (context) => {
      const { results = [] } = summary ?? {};
      context.skip(results.length < conformanceCases().length, "not all cases have run");
      const written = (await readCapabilities())[adapter];
      const found = JSON.parse(JSON.stringify(capabilitiesOf(summary!))) as Capabilities;
      // A machine may have another version of a database server than the one in the file.
      expect(withoutVersion(written), `Run: npm run test:conformance -- ${adapter} --write`).toEqual(
        withoutVersion(found),
      );
    });
  });
}

function withoutVersion(capabilities: Capabilities | undefined): object {
  return { ...capabilities, server: capabilities?.server.split(" ", 1)[0] };
}
