import type { Reporter, TestCase, TestModule, TestSuite, Vitest } from "vitest/node";
import { ON_EMULATOR, pubsubEmulatorMissing } from "./pubsub-emulator.ts";

/**
 * Says at the end how many cases were skipped for want of the Pub/Sub emulator. Where there is one, that they were
 * skipped is a failure.
 */
export default class EmulatorSkips implements Reporter {
  #vitest: Vitest | undefined;

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  async onTestRunEnd(modules: readonly TestModule[]): Promise<void> {
    // Whoever asks for single tests skips the others.
    if (this.#vitest?.config.testNamePattern !== undefined) return;
    let count = 0;
    for (const { children } of modules) {
      for (const test of children.allTests("skipped")) if (isOnEmulator(test) && !saysWhy(test)) count += 1;
    }
    if (count === 0) return;
    const missing = await pubsubEmulatorMissing().catch(() => undefined);
    if (missing === undefined) process.exitCode = 1;
    console.error(
      `\nSKIPPED: ${count} cases on the Pub/Sub emulator. ${missing ?? "There is one on this machine: this is a failure."}`,
    );
  }
}

function isOnEmulator(test: TestCase): boolean {
  for (let suite: TestSuite | TestModule = test.parent; suite.type === "suite"; suite = suite.parent)
    if (suite.name === ON_EMULATOR) return true;
  return false;
}

/** One that does not apply to the adapter is skipped by the case itself. */
function saysWhy(test: TestCase): boolean {
  const result = test.result();
  return result.state === "skipped" && result.note !== undefined;
}
