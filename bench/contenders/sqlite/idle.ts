import { fork } from "node:child_process";
import { once } from "node:events";
import { markHandled, roundTrips } from "../load.ts";
import { options, report } from "../measure.ts";
import { newFile, openClient } from "./clients.ts";

/**
 * Measures the time from the call of `send` on an idle queue to its handler: in one process, or with a sender in another one,
 * from the answer to its `send`.
 */
const {
  across,
  synchronous,
  warmUp,
  messages,
  path = newFile(),
} = options() as {
  readonly across: boolean;
  readonly synchronous: "full" | "normal";
  readonly warmUp: number;
  readonly messages: number;
  /** Set for the sender of another process. */
  readonly path?: string;
};
const client = openClient("queueport", synchronous, path);
if (across && process.argv[3] === "sender") {
  process.on("message", (number: number) => {
    void client.send(number).then(() => process.send?.("sent"));
  });
  process.send?.("ready");
} else {
  client.work(markHandled);
  report(
    await roundTrips(warmUp, messages, across ? await sendElsewhere() : (number) => client.send(number)),
  );
}

/** Returns a send by another process. The time that its request and its answer take between the processes is included. */
async function sendElsewhere(): Promise<(number: number) => Promise<unknown>> {
  const settings = JSON.stringify({ across, synchronous, warmUp, messages, path });
  const sender = fork(import.meta.filename, [settings, "sender"]);
  process.once("exit", () => sender.kill("SIGKILL"));
  await once(sender, "message");
  return (number) => {
    const sent = once(sender, "message");
    sender.send(number);
    return sent;
  };
}
