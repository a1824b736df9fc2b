import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Argument, Command, InvalidArgumentError } from "commander";

const program = new Command("bench")
  .usage("-- <name> [options]")
  .description("Measure queueport, in a process of its own.")
  .addArgument(new Argument("<name>", "what is measured").choices(["memory"]))
  .option("--messages <n>", "how many messages", count, 1_000_000)
  .option("--json", "print the figures as JSON")
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();
const [name] = program.processedArgs as [string];
const { messages, json = false } = program.opts<{ readonly messages: number; readonly json?: true }>();

// A fresh process: what the measurement allocates is all that there is. `gc` makes the heap comparable.
const bench = fileURLToPath(new URL(`./${name}.ts`, import.meta.url));
const { status } = spawnSync(process.execPath, ["--expose-gc", bench, String(messages), String(json)], {
  stdio: "inherit",
});
process.exitCode = status ?? 1;

function count(text: string): number {
  const value = Number(text.replaceAll(/[_,]/g, ""));
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new InvalidArgumentError("Expected a whole number, 1 or more.");
}
