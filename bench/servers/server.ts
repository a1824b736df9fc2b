/** A command from the bench to a server process. */
export interface Command {
  /** Number of messages to put into the queue. The server drops all others and resets its counts. */
  readonly fill?: number;
}

/** The answer of a server process to a command. */
export interface Answer {
  /** Number of requests since the last `fill`. */
  readonly requests: number;
  /** Address for the contenders: a URL, a port or a connection string. */
  readonly address: string;
}

/** Answers the commands of the parent process, over the channel of `fork`. Ends this process with its parent. */
export function answerCommands(carryOut: (command: Command) => Answer | Promise<Answer>): void {
  const answer = async (command: Command): Promise<void> => {
    process.send?.(await carryOut(command));
  };
  process.on("message", (command: Command) => void answer(command));
  process.on("disconnect", () => process.exit());
  void answer({});
}
