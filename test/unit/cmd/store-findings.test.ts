import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { splitConfig } from "../../../adapters/config-file.ts";
import { openJobs } from "../../../adapters/open.ts";
import type { Finding } from "../../../cmd/doctor/finding.ts";
import { storeFindings } from "../../../cmd/doctor/store-findings.ts";

const folder = mkdtempSync(join(tmpdir(), "queueport-store-"));
afterAll(() => rmSync(folder, { recursive: true }));

const findings = (jobs: object | undefined): Promise<Finding[]> =>
  storeFindings(splitConfig({ provider: "memory", jobs }, "file"));

test("a configuration that records no jobs has no findings about a store", async () => {
  expect(await findings(undefined)).toEqual([]);
  expect(await findings({ enabled: false })).toEqual([]);
});

test("a store without a schema is broken, and stays as it is even if the configuration migrates", async () => {
  const sqlite = join(folder, "new.db");
  for (const migrate of [true, false]) {
    expect(await findings({ store: { sqlite }, migrate })).toMatchObject([
      { level: "broken", what: expect.stringContaining("queueport migrate") },
    ]);
  }
});

test("a store that answers is ok, and jobs that no worker takes up are a warning", async () => {
  const jobs = { store: { sqlite: join(folder, "jobs.db") }, migrate: true };
  const opened = await openJobs({ provider: "memory", jobs }, { onWarning: () => {} });
  await opened.send({ type: "email", payload: 1 }, { queue: "emails" });
  await opened.close();

  expect(await findings(jobs)).toMatchObject([
    { level: "ok", what: expect.stringMatching(/^job store sqlite: answered in \d+ ms$/) },
    { level: "warning", what: expect.stringContaining("no worker was seen") },
  ]);
});

test("a store in memory is a warning, with the store to use", async () => {
  expect(await findings({ store: { memory: true } })).toMatchObject([
    { level: "ok" },
    { level: "warning", fix: expect.stringContaining("sqlite") },
  ]);
});
