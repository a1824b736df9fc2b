/**
 * A server that keeps its messages on disk, as a process of its own, so that it can be killed: `<port> <directory>`.
 * Says `{ port }` to its parent when it can be reached, and ends with it.
 */
import { type ListenOptions, Server } from "node:net";
import { startFauxqs } from "fauxqs";
import { correctFauxqs } from "./fauxqs-corrections.ts";

const [port = "0", dataDir = ""] = process.argv.slice(2);
// oxlint-disable-next-line typescript/unbound-method -- it is given its server again below
const { listen } = Server.prototype;
// It would listen on every interface, and takes no option that says otherwise.
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
