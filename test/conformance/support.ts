import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  capabilitiesOf,
  type CaseResult,
  type ConformanceCase,
  conformanceCases,
  declare,
  type Declared,
  runCase,
  summarize,
} from "../../src/conformance/index.ts";
import { readCapabilities } from "./capabilities-file.ts";
import { harnesses, type Runner } from "./harness/index.ts";

/** Cases have a deadline of their own, with their name in it; the runner's comes after it. */
const TIMEOUT_MS = 1_300_000;
const START_MS = 240_000;
/**
 * A process that stood still for this long in all may have let an answer lapse that had come, or a lease: what a case
 * shows then is not the adapter's doing. A case is run again for that, and for nothing else.
 */
const STALLED_MS = 1_000;
const MOST_RUNS = 3;

/**
 * One test a case; what does not apply to the adapter is shown as skipped, with its reason.
 * Against a real server most cases wait for time to pass: `concurrent` lets them wait together.
 */
export function testConformance(
  adapter: string,
  options: {
    readonly concurrent?: boolean;
    /** Whether docs/capabilities.json has an entry for it. @default true */
    readonly isListed?: boolean;
    /** These cases alone. @default all */
    readonly only?: (one: ConformanceCase) => boolean;
  } = {},
): void {
  describe(`adapter ${adapter}`, () => {
    let running: Runner;
    let declared: Declared;
    const results = new Map<string, CaseResult>();

    beforeAll(async () => {
      const open = harnesses[adapter];
      if (open === undefined) throw new Error(`There is no harness for "${adapter}".`);
      running = await open();
      declared = await declare(running.harness);
    }, START_MS);
    afterAll(() => running.close());

    for (const one of conformanceCases().filter(options.only ?? (() => true))) {
      const run = options.concurrent === true && one.alone !== true ? test.concurrent : test;
      run(`${one.group}: ${one.name}`, { timeout: TIMEOUT_MS }, async (context) => {
        const result = await conclusive(() => runCase(one, running.harness, declared));
        results.set(one.name, result);
        if (result.status === "skipped") context.skip(result.reason);
        if (result.status === "failed") throw result.error;
        expect(result.status).toBe("passed");
      });
    }

    if (options.isListed === false) return;
    test("docs/capabilities.json says what this run has shown", async (context) => {
      if (results.size < conformanceCases().length) context.skip("not all cases were run");
      const shown = capabilitiesOf(summarize(running.harness, declared, [...results.values()]));
      const written = (await readCapabilities())[adapter];
      expect(written, `Run: npm run test:conformance -- ${adapter} --write`).toEqual(
        JSON.parse(JSON.stringify(shown)),
      );
    });
  });
}

async function conclusive(run: () => Promise<CaseResult>): Promise<CaseResult> {
  for (let runs = 1; ; runs += 1) {
    const result = await run();
    if (result.status !== "failed" || result.stalledMs < STALLED_MS || runs === MOST_RUNS) return result;
    console.warn(
      `Again, since the process stood still for ${Math.round(result.stalledMs)} ms: "${result.name}": ${result.reason}`,
    );
  }
}
