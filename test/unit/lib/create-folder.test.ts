import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createFolder } from "../../../src/lib/create-folder.ts";

function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), "queueport-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test("a folder is created with those above it, and may be there", () => {
  const folder = join(temporary(), "a/b/c");
  createFolder(folder, 0o700);
  createFolder(folder, 0o700);
  for (const path of [folder, join(folder, "..")]) expect(statSync(path).mode & 0o777).toBe(0o700);
  createFolder("/");
  createFolder(".");
});

test("a folder is refused whose path, or one above it, is a file", () => {
  const file = join(temporary(), "file");
  writeFileSync(file, "");
  expect(() => createFolder(file)).toThrow("EEXIST");
  expect(() => createFolder(join(file, "a/b"))).toThrow("ENOTDIR");
});

/** Creates what the code of a module creates, in a process that can be ended: one that waits for ever answers to nothing. */
function inProcess(source: string): string {
  const { stdout, signal } = spawnSync(process.execPath, ["--input-type=module", "-e", source], {
    cwd: new URL("../../..", import.meta.url),
    encoding: "utf8",
    timeout: 30_000,
  });
  return signal === null ? stdout.trim() : "did not end";
}

test.runIf(process.platform === "linux").each([
  [
    "a job store",
    `import { sqliteJobStore } from "./adapters/sqlite/index.ts";
     await sqliteJobStore({ path: "/proc/nope/jobs.db" }).migrate().catch(({ message }) => console.log(message));`,
    "The job store /proc/nope/jobs.db could not be opened: ENOENT: no such file or directory, mkdir '/proc/nope'. Give a regular file that this process may write.",
  ],
  [
    "an archive",
    `import { ndjsonGz } from "./src/jobs/index.ts";
     await ndjsonGz("/proc/nope/archive")([]).catch(({ code }) => console.log(code));`,
    "ENOENT",
  ],
  [
    "the files of a new job",
    `import { makeJobCommand } from "./cmd/make-job/index.ts";
     await makeJobCommand().parseAsync(["Nope", "--dir", "/proc/nope/jobs"], { from: "user" }).catch(({ code }) => console.log(code));`,
    "ENOENT",
  ],
])("%s in a place that takes no folders is refused, and does not wait for ever", (_, source, said) => {
  expect(inProcess(source)).toBe(said);
});
