/**
 * A fauxqs server that keeps its messages on disk, in a process of its own, so that tests can kill it. Arguments:
 * `<port> <directory>`. Sends `{ port }` to its parent when it listens, and ends together with its parent.
 */
import { type ListenOptions, Server } from "node:net";
import { startFauxqs } from "fauxqs";
import { correctFauxqs } from "./fauxqs-corrections.ts";

const [port = "0", dataDir = ""] = process.argv.slice(2);
// oxlint-disable-next-line typescript/unbound-method -- called with its server below
const { listen } = Server.prototype;
// fauxqs listens on every interface, and has no option for another host.
Server.prototype.listen = function listenHere(
  this: Server,
  options: ListenOptions,
  ...rest: never[]
): Server {
  return listen.call(this, { ...options, host: "127.0.0.1" }, ...rest);
} as typeof listen;

await correctFauxqs();
process.on("disconnect", () => process.exit());
const server = await startFauxqs({ port: Number(port), logger: false, dataDir });
process.send?.({ port: server.port });
