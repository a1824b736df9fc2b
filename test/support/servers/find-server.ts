import { type ServerName, serverKinds } from "./server-kinds.ts";
import type { ServerKind, TestServer } from "./test-server.ts";

/** A server, or the reason why this machine has none. */
export type FoundServer =
  | { readonly server: TestServer; readonly missing?: undefined }
  | { readonly server?: undefined; readonly missing: string };

/**
 * Finds the server of a technology: at the address of its environment variable, at its usual address on this machine, or
 * started privately. The caller closes it.
 *
 * @throws Error if the variable names a server that does not answer
 *
 * @example
 * const { server, missing } = await findServer("postgres");
 * describe.skipIf(missing !== undefined)(onServer("postgres"), () => {
 *   afterAll(() => server?.close());
 * });
 */
export async function findServer(name: ServerName): Promise<FoundServer> {
  const kind = serverKinds[name];
  const given = process.env[kind.variable];
  if (given !== undefined && given !== "") return { server: await running(kind, given) };
  try {
    return { server: await running(kind, kind.usualUrl) };
  } catch {
    const started = await kind.start?.();
    return started === undefined ? { missing: missingOf(kind) } : { server: started };
  }
}

/**
 * Finds a server as {@link findServer} does.
 * @throws Error if there is none
 */
export async function requireServer(name: ServerName): Promise<TestServer> {
  const { server, missing } = await findServer(name);
  if (server === undefined) throw new Error(missing);
  return server;
}

/** Name of the suites that are skipped if there is no such server. `ServerSkips` counts their cases. */
export function onServer(name: ServerName): string {
  return `on a server of ${serverKinds[name].label}`;
}

/** The servers whose absence fails a run: the names in `QUEUEPORT_REQUIRE`, separated by commas. */
export function requiredServers(text: string = process.env["QUEUEPORT_REQUIRE"] ?? ""): ServerName[] {
  const names = text.split(",").flatMap((part) => part.trim() || []);
  for (const name of names)
    if (!Object.hasOwn(serverKinds, name)) {
      const known = Object.keys(serverKinds).join(", ");
      throw new Error(`QUEUEPORT_REQUIRE names "${name}"; the servers are ${known}.`);
    }
  return names as ServerName[];
}

async function running(kind: ServerKind, url: string): Promise<TestServer> {
  try {
    return { url, name: await kind.probe(url), close: async () => {} };
  } catch (cause) {
    throw new Error(`No ${kind.label} answers at the address of ${kind.variable}.`, { cause });
  }
}

function missingOf({ label, hint }: ServerKind): string {
  return `There is no ${label}: ${hint}`;
}
