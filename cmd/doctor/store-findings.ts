import { inspectStore, storeExamples } from "../../adapters/stores.ts";
import type { ConfigParts } from "../../adapters/config-file.ts";
import { enabledJobs, openConfiguredJobs } from "../lib/open.ts";
import { errorLine } from "../lib/output.ts";
import { broken, type Finding, ok, warning } from "./finding.ts";

/** The findings about the job store of a configuration; none if jobs are not recorded. The schema is not changed. */
export async function storeFindings(config: ConfigParts): Promise<Finding[]> {
  const section = enabledJobs(config);
  if (section === undefined) return [];
  const [name = ""] = Object.keys(section.store);
  try {
    await using jobs = await openConfiguredJobs(
      { ...config, jobs: { ...section, migrate: false } },
      { onWarning: () => {} },
    );
    const { durable } = jobs.store.capabilities;
    const { problems, store } = await jobs.health();
    const observed = (await inspectStore(section.store)) ?? [];
    return [
      ok(`job store ${name}: answered in ${store.latencyMs ?? 0} ms`),
      ...(durable
        ? []
        : [
            warning(
              `job store ${name}: records end with their process, and no other process sees them`,
              `jobs.store: ${storeExamples}`,
            ),
          ]),
      ...observed.map((one) => ({ ...one, what: `job store ${name}: ${one.what}` })),
      ...problems.map((problem) =>
        warning(`job store ${name}: ${problem}`, "queueport job list shows the jobs"),
      ),
    ];
  } catch (error) {
    return [broken(`job store ${name}: ${errorLine(error)}`, "solve that; jobs would not be recorded")];
  }
}
