import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { createProgram } from "../../../cmd/program.ts";

const program = createProgram("1.2.3");
const doc = readFileSync(new URL("../../../docs/cli.md", import.meta.url), "utf8");

/** Every command and subcommand with its full name, such as `dlq list`. */
function allCommands(command: Command = program, prefix: readonly string[] = []): [string, Command][] {
  return command.commands.flatMap((sub): [string, Command][] => {
    const path = [...prefix, sub.name()];
    return [[path.join(" "), sub], ...allCommands(sub, path)];
  });
}

/** The whole help page, with the parts that follow the options. */
function helpOf(command: Command): string {
  let page = "";
  command.configureOutput({ writeOut: (text) => (page += text) });
  command.outputHelp();
  return page;
}

const commands = allCommands();

describe("the help of a command", () => {
  it.each(commands)("%s has a summary, a description, examples and exit codes", (name, command) => {
    expect(command.summary()).toMatch(/^[A-Z].*[^.]$/);
    expect(command.description()).toMatch(/^[A-Z][^]*\.$/);
    const page = helpOf(command);
    expect(page).toContain(`Examples:\n  $ queueport ${name}`);
    expect(page).toMatch(/Exit codes:\n {2}0 .*\n(?:.*\n)*? {2}2 /);
  });

  it.each(commands)("%s has its flags in groups, each with a description", (_name, command) => {
    const incomplete = command.options.filter(
      ({ helpGroupHeading = "", description }) =>
        !helpGroupHeading.endsWith(":") || description === "" || description.endsWith("."),
    );
    expect(incomplete.map(({ flags }) => flags)).toEqual([]);
  });

  it.each(commands)("%s gives a default or an example for each flag with a unit", (_name, command) => {
    const unclear = command.options.filter(
      ({ flags, description, defaultValue }) =>
        /<(duration|n|port)>/.test(flags) &&
        defaultValue === undefined &&
        !/default:|such as/.test(description),
    );
    expect(unclear.map(({ flags }) => flags)).toEqual([]);
  });

  it("wraps at the width of the terminal, or at 80 columns", () => {
    for (const [, command] of commands) {
      const tooLong = helpOf(command)
        .split("\n")
        .filter((line) => line.length > 80 && !line.startsWith("  $ "));
      expect(tooLong).toEqual([]);
    }
  });
});

describe("docs/cli.md", () => {
  const sections = new Map(
    doc
      .split(/^## /m)
      .slice(1)
      .map((section) => [section.slice(0, section.indexOf("\n")), section]),
  );

  it("has a section for every command, with its exit codes", () => {
    for (const command of program.commands) {
      expect(sections.get(command.name())).toMatch(/^Exit codes: 0/m);
    }
  });

  it("names only flags that the command has", () => {
    for (const command of program.commands) {
      const flags = new Set(
        [command, ...command.commands].flatMap(({ options }) => options.map(({ long }) => long)),
      );
      const named = sections.get(command.name())?.match(/--[a-z][a-z-]*/g) ?? [];
      // `node --test` runs what `make:job` writes.
      expect(named.filter((flag) => !flags.has(flag) && flag !== "--test")).toEqual([]);
    }
  });

  it("lists the environment variable of every flag", () => {
    const variables = commands.flatMap(([, { options }]) =>
      options.flatMap(({ long, envVar }) => (envVar === undefined ? [] : ([[long, envVar]] as const))),
    );
    expect(variables.length).toBeGreaterThan(10);
    for (const [long, variable] of variables) {
      expect(doc).toMatch(new RegExp(`^\\| \`${long}\`.* \\| \`${variable}\``, "m"));
    }
  });
});
