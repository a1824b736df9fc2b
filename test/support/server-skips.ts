import type { Reporter, TestCase, TestModule, TestSuite, Vitest } from "vitest/node";
import { ON_EMULATOR, pubsubEmulatorMissing } from "./pubsub-emulator.ts";
import { onServer, requiredServers } from "./servers/find-server.ts";
import { type ServerName, serverKinds } from "./servers/server-kinds.ts";

/** A server whose suites are skipped on a machine without it. */
interface Skipped {
  /** The name of the suites. */
  readonly suite: string;
  /** The reason of the skips, and whether they fail the run. */
  explain(this: void): Promise<{ readonly reason: string; readonly fails: boolean }>;
}

/**
 * Prints at the end how many cases were skipped because a server is missing. A skipped case is a failure of the run if the
 * server is required by `QUEUEPORT_REQUIRE`, or if this machine has the emulator of Pub/Sub.
 */
export default class ServerSkips implements Reporter {
  #vitest: Vitest | undefined;

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  async onTestRunEnd(modules: readonly TestModule[]): Promise<void> {
    // A run of single tests skips all others on purpose.
    if (this.#vitest?.config.testNamePattern !== undefined) return;
    const skipped = modules.flatMap(({ children }) => [...children.allTests("skipped")]);
    for (const { suite, explain } of kinds()) {
      const count = skipped.filter((test) => isIn(suite, test) && !hasReason(test)).length;
      if (count === 0) continue;
      const { reason, fails } = await explain();
      if (fails) process.exitCode = 1;
      console.error(`\nSKIPPED: ${count} cases ${suite}. ${reason}`);
    }
  }
}

function kinds(): Skipped[] {
  const required = new Set(requiredServers());
  const servers = (Object.keys(serverKinds) as ServerName[]).map((name): Skipped => {
    const fails = required.has(name);
    const { hint } = serverKinds[name];
    const reason = fails ? `${hint} QUEUEPORT_REQUIRE names it, so this is a failure.` : hint;
    return { suite: onServer(name), explain: async () => ({ reason, fails }) };
  });
  return [...servers, { suite: ON_EMULATOR, explain: explainEmulator }];
}

async function explainEmulator(): Promise<{ readonly reason: string; readonly fails: boolean }> {
  const missing = await pubsubEmulatorMissing().catch(() => undefined);
  if (missing !== undefined) return { reason: missing, fails: false };
  return { reason: "This machine has an emulator, so this is a failure.", fails: true };
}

function isIn(name: string, test: TestCase): boolean {
  for (let suite: TestSuite | TestModule = test.parent; suite.type === "suite"; suite = suite.parent)
    if (suite.name === name) return true;
  return false;
}

/** A case that does not apply to an adapter skips itself, and gives its reason. */
function hasReason(test: TestCase): boolean {
  const result = test.result();
  return result.state === "skipped" && result.note !== undefined;
}
