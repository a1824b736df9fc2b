import { expect, it } from "vitest";
import { queueport } from "./run.ts";

it("--help prints the help of a command without colours into a pipe", async () => {
  const { code, stdout, stderr } = await queueport(["worker", "--help"]).result;
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/^Usage: queueport worker \[options\]\n/);
  expect(stdout).toMatch(/QUEUEPORT_METRICS_PORT/);
  // oxlint-disable-next-line no-control-regex -- the escape of a colour is what must not be there
  expect(stdout).not.toMatch(/\u001b/);
});

it("queueport without a command prints the help to stderr and exits with 2", async () => {
  const { code, stdout, stderr } = await queueport([]).result;
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toMatch(/^Usage: queueport <command> \[options\]\n/);
});

it("--version prints the version", async () => {
  expect((await queueport(["--version"]).result).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});
