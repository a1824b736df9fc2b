import type { Reporter, TestCase, TestModule, TestSuite, Vitest } from "vitest/node";
import { ON_EMULATOR, pubsubEmulatorMissing } from "./pubsub-emulator.ts";

/**
 * Prints at the end how many cases were skipped because there is no Pub/Sub emulator. If this machine has an emulator,
 * a skipped case is a failure of the run.
 */
export default class EmulatorSkips implements Reporter {
  #vitest: Vitest | undefined;

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  async onTestRunEnd(modules: readonly TestModule[]): Promise<void> {
    // A run of single tests skips all others on purpose.
    if (this.#vitest?.config.testNamePattern !== undefined) return;
    let count = 0;
    for (const { children } of modules) {
      for (const test of children.allTests("skipped")) if (isOnEmulator(test) && !hasReason(test)) count += 1;
    }
    if (count === 0) return;
    const missing = await pubsubEmulatorMissing().catch(() => undefined);
    if (missing === undefined) process.exitCode = 1;
    console.error(
      `\nSKIPPED: ${count} cases on the Pub/Sub emulator. ${missing ?? "This machine has an emulator, so this is a failure."}`,
    );
  }
}

function isOnEmulator(test: TestCase): boolean {
  for (let suite: TestSuite | TestModule = test.parent; suite.type === "suite"; suite = suite.parent)
    if (suite.name === ON_EMULATOR) return true;
  return false;
}

/** A case that does not apply to an adapter skips itself, and gives its reason. */
function hasReason(test: TestCase): boolean {
  const result = test.result();
  return result.state === "skipped" && result.note !== undefined;
}
