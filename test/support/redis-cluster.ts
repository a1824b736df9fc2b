import { createClient } from "@redis/client";
import { PrivateRedis } from "./servers/redis-server.ts";

const SLOTS = 16_384;
const NODES = 3;
const START_MS = 60_000;

/** Three private servers that are a cluster, without replicas: a killed one is missing until it is started again. */
export class RedisCluster implements AsyncDisposable {
  readonly nodes: readonly PrivateRedis[];

  private constructor(nodes: readonly PrivateRedis[]) {
    this.nodes = nodes;
  }

  static async start(): Promise<RedisCluster> {
    const settings = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
    const cluster = new RedisCluster(
      await Promise.all(Array.from({ length: NODES }, () => PrivateRedis.start({ settings }))),
    );
    for (const [index, node] of cluster.nodes.entries()) {
      const from = Math.ceil((index * SLOTS) / NODES);
      const to = Math.ceil(((index + 1) * SLOTS) / NODES) - 1;
      await command(node, "CLUSTER", "ADDSLOTSRANGE", String(from), String(to));
      await command(node, "CLUSTER", "SET-CONFIG-EPOCH", String(index + 1));
    }
    for (const node of cluster.nodes.slice(1))
      await command(cluster.nodes[0]!, "CLUSTER", "MEET", "127.0.0.1", String(node.port));
    await cluster.isWhole();
    return cluster;
  }

  /** The addresses of the nodes. */
  get urls(): string[] {
    return this.nodes.map(({ url }) => url);
  }

  /** Waits until every node takes part. */
  async isWhole(): Promise<void> {
    const until = Date.now() + START_MS;
    for (const node of this.nodes)
      while (!String(await command(node, "CLUSTER", "INFO")).includes("cluster_state:ok")) {
        if (Date.now() > until) throw new Error("The nodes did not become a cluster.");
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
  }

  /** The node that has a key. */
  async nodeOf(key: string): Promise<PrivateRedis> {
    const slot = Number(await command(this.nodes[0]!, "CLUSTER", "KEYSLOT", key));
    return this.nodes[Math.floor((slot * NODES) / SLOTS)]!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.close()));
  }
}

async function command(node: PrivateRedis, ...args: string[]): Promise<unknown> {
  const client = createClient({ url: node.url, RESP: 2, socket: { reconnectStrategy: false } });
  client.on("error", () => {});
  await client.connect();
  try {
    return await client.sendCommand(args);
  } finally {
    client.destroy();
  }
}
