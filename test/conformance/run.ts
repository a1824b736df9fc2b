import { parseArgs } from "node:util";
import { capabilitiesOf, type CaseResult, runConformance } from "../../src/conformance/index.ts";
import { writeCapabilities } from "./capabilities-file.ts";
import { harnesses } from "./harness/index.ts";

const USAGE = `npm run test:conformance -- <adapter> [--json] [--write] [--only <text>] [--stack] [--at-once <n>] [--help]

Runs the conformance suite against one adapter, and prints each case with its result.

  --json         print one line of JSON at the end: {"adapter","passed","failed","skipped"}
  --write        write the results of the adapter to docs/capabilities.json
  --only <text>  run only the cases whose group or name contains the text
  --stack        print the stack of each error
  --at-once <n>  number of cases at once in real time (default: 8)
  --help         print this text

Adapters: ${Object.keys(harnesses).join(", ")}`;

const MARKS = { passed: "✓", failed: "✗", skipped: "–" } as const;

function show(
  { status, group, name, reason, notes, durationMs, error }: CaseResult,
  withStack: boolean,
): void {
  const time = status === "skipped" ? "" : ` (${Math.round(durationMs)} ms)`;
  console.log(`${MARKS[status]} ${group}: ${name}${time}`);
  if (status === "skipped") console.log(`    skipped: ${reason}`);
  if (status === "failed") {
    const text = withStack && error instanceof Error ? (error.stack ?? reason) : reason;
    console.log(`    failed: ${String(text).replaceAll("\n", "\n    ")}`);
  }
  for (const note of notes) console.log(`    ${note}`);
}

/** The arguments of the process, or the error if an option is unknown or has no value. */
function argumentsOrError() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        help: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        write: { type: "boolean", default: false },
        stack: { type: "boolean", default: false },
        only: { type: "string", default: "" },
        "at-once": { type: "string", default: "8" },
      },
    });
  } catch (error) {
    return error as Error;
  }
}

async function main(): Promise<number> {
  const args = argumentsOrError();
  if (args instanceof Error) {
    console.error(`${args.message}\n\n${USAGE}`);
    return 2;
  }
  const { values, positionals } = args;
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const [adapter = "", ...more] = positionals;
  const harness = Object.hasOwn(harnesses, adapter) ? harnesses[adapter] : undefined;
  if (harness === undefined || more.length > 0) {
    console.error(USAGE);
    return 2;
  }
  const summary = await runConformance(harness, {
    concurrency: Number(values["at-once"]),
    only: ({ group, name }) => `${group}: ${name}`.includes(values.only),
    onResult: (result) => show(result, values.stack),
  });
  const { passed, failed, skipped } = summary;
  if (values.write && values.only === "" && failed === 0)
    await writeCapabilities(adapter, capabilitiesOf(summary));
  console.log(`\n${adapter}: ${passed} passed, ${failed} failed, ${skipped} skipped`);
  if (values.json) console.log(JSON.stringify({ adapter, passed, failed, skipped }));
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main();
