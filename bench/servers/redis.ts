import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { answerCommands } from "./server.ts";

/** Starts redis-server without persistence. Ends at once if the program is not installed. */
const port = await freePort();
const redis = spawn("redis-server", ["--port", String(port), "--save", "", "--appendonly", "no"], {
  stdio: ["ignore", "pipe", "inherit"],
});
redis.once("error", () => process.exit(1));
process.once("exit", () => redis.kill("SIGKILL"));
await ready();
answerCommands(() => ({ requests: Number.NaN, address: String(port) }));

async function ready(): Promise<void> {
  for await (const chunk of redis.stdout) if (String(chunk).includes("Ready to accept connections")) return;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port: free } = server.address() as AddressInfo;
  server.close();
  return free;
}
