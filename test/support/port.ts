import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/** A range below the ephemeral ports, which the system assigns on its own: from 32768 on Linux. */
const [LOWEST, HIGHEST] = [20_000, 32_000];
const TRIES = 100;

/**
 * Finds a free port for a server that starts later, or that closes and listens again on the same port. The system does
 * not assign this port to another process in the meantime.
 * @throws Error if no free port is found
 */
export async function lastingPort(): Promise<number> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const port = randomInt(LOWEST, HIGHEST);
    if (await isFree(port)) return port;
  }
  throw new Error(`None of ${TRIES} ports between ${LOWEST} and ${HIGHEST} is free.`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
  } catch {
    return false;
  }
  server.close();
  await once(server, "close");
  return true;
}
