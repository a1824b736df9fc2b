import { createClient, createCluster, type RedisArgument } from "@redis/client";
import type { Clock } from "../../../src/driver/index.ts";
import { DEFAULT_URL, type ConnectionOptions, type InjectedClient } from "./options.ts";

/** A connection, or those of a cluster, as commands use it. */
export interface CommandClient {
  /** Sends a command. Rejects at once if there is no connection. @param key the key whose slot decides the node */
  send(key: string | undefined, args: readonly string[]): Promise<unknown>;
  /** Whether the connection keeps the process alive. */
  keepAlive(keeps: boolean): void;
  /** Ends the connection. Commands under way reject. An injected client stays open. */
  destroy(): void;
}

/** The part of a client that hears channels. */
export interface SubscribingClient {
  on(event: "error" | "end", listener: () => void): unknown;
  connect(): Promise<unknown>;
  subscribe(channel: string, listener: (message: string) => void): Promise<void>;
  unsubscribe(channel: string): Promise<void>;
  sendCommand(args: readonly RedisArgument[]): Promise<unknown>;
  unref(): void;
  destroy(): void;
}

/** A client that the application passed in, by its kind. */
type Injected =
  | { readonly kind: "client"; readonly client: ReturnType<typeof createClient> }
  | { readonly kind: "cluster"; readonly client: ReturnType<typeof createCluster> }
  | {
      readonly kind: "sentinel";
      readonly client: { sendCommand(isReadonly: boolean, args: readonly string[]): Promise<unknown> };
    };

/** The settings of own connections: a lost connection is not built again by the client, and no command waits for one. */
const SOCKET = { reconnectStrategy: false } as const;
const SETTINGS = {
  // Understood by every server and proxy; nothing here needs RESP 3.
  RESP: 2,
  disableOfflineQueue: true,
  // Would ask for a permission of its own.
  disableClientInfo: true,
  maintNotifications: "disabled",
  // The driver has one timer for all commands.
  commandOptions: { timeout: undefined } as object,
} as const;

/**
 * Connects a client for commands.
 *
 * @param onLost called when the connection is lost, also before this resolves
 */
export async function connectCommands(
  { url = DEFAULT_URL, cluster, client }: ConnectionOptions,
  { timeoutMs, clock }: { readonly timeoutMs: number; readonly clock: Clock },
  onLost: () => void,
): Promise<CommandClient> {
  if (client !== undefined) return injectedCommands(client);
  const socket = { ...SOCKET, connectTimeout: timeoutMs };
  if (cluster !== undefined) {
    const nodes = createCluster({
      rootNodes: cluster.map((node) => ({ url: node })),
      defaults: { ...SETTINGS, socket, ...credentialsOf(cluster[0] ?? "") },
      minimizeConnections: true,
    });
    nodes.on("error", onLost);
    nodes.on("node-error", onLost);
    const end = (): void => nodes.destroy();
    await connected(nodes.connect(), clock, timeoutMs, end);
    return {
      send: (key, args) => nodes.sendCommand(key, false, args as string[]),
      keepAlive(keeps) {
        for (const { client: node } of nodes.masters) {
          if (keeps) node?.ref();
          else node?.unref();
        }
      },
      destroy: end,
    };
  }
  const own = createClient({ ...SETTINGS, url, socket });
  own.on("error", onLost);
  own.on("end", onLost);
  await connected(own.connect(), clock, timeoutMs, () => own.destroy());
  return {
    send: (_key, args) => own.sendCommand(args),
    keepAlive: (keeps) => (keeps ? own.ref() : own.unref()),
    destroy: () => own.destroy(),
  };
}

/**
 * Creates a client that is not connected yet, for subscriptions. Undefined if this kind of client cannot have one.
 * @param attempt the number of the attempt, which chooses the node of a cluster
 */
export async function subscribingClient(
  { url = DEFAULT_URL, cluster, client }: ConnectionOptions,
  timeoutMs: number,
  attempt: number,
): Promise<SubscribingClient | undefined> {
  const socket = { ...SOCKET, connectTimeout: timeoutMs };
  if (client === undefined) {
    const address = cluster === undefined ? url : cluster[attempt % cluster.length];
    return createClient({ ...SETTINGS, url: address ?? url, socket });
  }
  const injected = kindOf(client);
  if (injected.kind === "client") return injected.client.duplicate();
  if (injected.kind === "sentinel") return undefined;
  const { masters } = injected.client;
  const node = masters[attempt % masters.length];
  return node === undefined ? undefined : (await injected.client.nodeClient(node)).duplicate();
}

function injectedCommands(given: InjectedClient): CommandClient {
  const injected = kindOf(given);
  return {
    send(key, args) {
      const command = args as string[];
      if (injected.kind === "client") return injected.client.sendCommand(command);
      if (injected.kind === "cluster") return injected.client.sendCommand(key, false, command);
      return injected.client.sendCommand(false, command);
    },
    // The connection is the application's.
    keepAlive() {},
    destroy() {},
  };
}

function kindOf(given: InjectedClient): Injected {
  const kind = "nodeClient" in given ? "cluster" : "getMasterNode" in given ? "sentinel" : "client";
  return { kind, client: given } as unknown as Injected;
}

/** The user and the password of the first node: the nodes that are found have no URL. */
function credentialsOf(url: string): { username?: string; password?: string } {
  if (!URL.canParse(url)) return {};
  const { username, password, protocol } = new URL(url);
  return {
    ...(username !== "" && { username: decodeURIComponent(username) }),
    ...(password !== "" && { password: decodeURIComponent(password) }),
    ...(protocol === "rediss:" && { socket: { ...SOCKET, tls: true } }),
  };
}

/** Waits for a connection. A server that accepts it and says nothing is given up. */
async function connected(
  connecting: Promise<unknown>,
  clock: Clock,
  timeoutMs: number,
  end: () => void,
): Promise<void> {
  const timer = clock.timer(timeoutMs, end, true);
  try {
    await connecting;
  } finally {
    timer.cancel();
  }
}
