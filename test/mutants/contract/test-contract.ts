import { runConformance } from "../../../src/conformance/index.ts";
import { harnesses } from "../../conformance/harness/index.ts";

// Runs the cases of one requirement against one adapter. Prints the names of those that failed as JSON, in the last line.
const [adapter = "", requirement = ""] = process.argv.slice(2);
// A broken adapter may reject anywhere, and may leave timers that keep the process alive.
process.on("unhandledRejection", () => {});
process.on("uncaughtException", () => {});
const failed: string[] = [];
let ran = 0;
await runConformance(harnesses[adapter]!, {
  only: (one) => one.requirement === requirement,
  onResult: ({ status, name }) => {
    if (status === "failed") failed.push(name);
    if (status !== "skipped") ran += 1;
  },
});
process.stdout.write(`\n${JSON.stringify({ ran, failed })}\n`, () => process.exit());
