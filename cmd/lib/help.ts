import { type Command, Help, type HelpConfiguration, type Option } from "commander";
import pc from "picocolors";

/** The layout of every help page. Commander removes the colours if the output does not support them. */
export const helpLayout: HelpConfiguration = {
  helpWidth: Math.min(process.stdout.columns || 80, 100),
  showGlobalOptions: true,
  styleTitle: (title) => pc.createColors(true).bold(title.replace("Global Options", "Global options")),
  subcommandTerm: (command) => command.name(),
  visibleCommands(this: Help, command): Command[] {
    return Help.prototype.visibleCommands.call(this, command).filter((sub) => sub.name() !== "help");
  },
  // `--help` is listed with the global options, since every other option of a command has a group.
  visibleOptions(this: Help, command): Option[] {
    const visible = Help.prototype.visibleOptions.call(this, command);
    return command.parent === null ? visible : visible.filter((option) => !isHelp(option));
  },
  visibleGlobalOptions(this: Help, command): Option[] {
    const visible = Help.prototype.visibleGlobalOptions.call(this, command);
    if (command.parent === null) return visible;
    return [...visible, ...Help.prototype.visibleOptions.call(this, command).filter(isHelp)];
  },
};

function isHelp({ long }: Option): boolean {
  return long === "--help";
}

/** The parts of a command's help that follow its options. */
export interface HelpParts {
  /** Command lines without a prompt. */
  readonly examples: readonly string[];
  /** Meaning of each exit code of this command, except 2, which means the same in every command. */
  readonly exitCodes: Readonly<Record<number, string>>;
  /** True if the command handles signals: a second one exits immediately. @default false */
  readonly hasSignals?: boolean;
}

const USAGE = "the arguments, the configuration or the input are invalid";
const SECOND_SIGNAL = "a second SIGINT (130) or SIGTERM (143) ended the command immediately";

/** Adds examples and exit codes below the options of a command's help. */
export function addHelp(command: Command, { examples, exitCodes, hasSignals = false }: HelpParts): Command {
  const rows = Object.entries<string>({ 2: USAGE, ...exitCodes });
  if (hasSignals) rows.push(["130, 143", SECOND_SIGNAL]);
  return command.addHelpText("after", () => {
    const help = command.createHelp();
    const width = Math.max(...rows.map(([code]) => code.length));
    const sections = [
      "",
      ...help.formatItemList(
        "Examples:",
        examples.map((line) => `  $ ${line}`),
        help,
      ),
      ...help.formatItemList(
        "Exit codes:",
        rows.map(([code, meaning]) => help.formatItem(code, width, meaning, help)),
        help,
      ),
    ];
    return sections.join("\n").trimEnd();
  });
}
