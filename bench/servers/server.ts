/** What a server is asked by the bench, beside its protocol. */
export interface Command {
  /** Forget everything, and hold this many messages. */
  readonly fill?: number;
}

/** What it answers. */
export interface Answer {
  /** Requests since the last fill. */
  readonly requests: number;
  /** Where it listens. */
  readonly address: string;
}

/** Lets the process that started this one command it; the channel is the one that `fork` gives. */
export function obey(carryOut: (command: Command) => Answer | Promise<Answer>): void {
  const answer = async (command: Command): Promise<void> => {
    const said = await carryOut(command);
    process.send?.(said);
  };
  process.on("message", (command: Command) => void answer(command));
  process.on("disconnect", () => process.exit());
  void answer({});
}
