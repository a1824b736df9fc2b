import type { Clock } from "../../../src/driver/index.ts";
import { isFinal } from "../../../src/jobs/store/index.ts";
import type { RedisConnection } from "../connection/redis-connection.ts";
import type { Script } from "../connection/script.ts";
import { facetOf, type JobFacet, NamespaceKeys } from "./keys.ts";
import type { ServerTime } from "./server-time.ts";
import type { Stored } from "./stored-row.ts";

/** Rows that are remembered at most. A row is about 1 KB. */
const MAX_REMEMBERED = 10_000;

/** The server of a store: the connection, and the time of its clock. */
export interface StoreServer {
  /** Names this store among all. */
  readonly token: string;
  readonly connection: RedisConnection;
  readonly time: ServerTime;
  /** The clock of the records, if it is not that of the server. */
  readonly clock: Clock | undefined;
}

/** Runs a script. Each answer of a script begins with the time of the server. */
export async function runScript(
  { connection, time }: StoreServer,
  script: Script,
  keys: readonly string[],
  values: readonly string[] = [],
): Promise<readonly unknown[]> {
  const sentAt = time.sent();
  const [millis, ...answer] = (await connection.run(script.name, script, keys, values)) as unknown[];
  time.answered(sentAt, Number(millis));
  return answer;
}

/** One namespace of the server, with what this process knows of it. */
export class Space {
  readonly keys: NamespaceKeys;
  /** The number of the last change of which this process knows. */
  lastSeq = 0;
  readonly #server: StoreServer;
  #tags = 0;
  #facets: readonly JobFacet[] = [];
  /** The rows that this process has seen last. They may be out of date, which the server finds at the next write. */
  readonly #remembered = new Map<string, Stored>();

  constructor(server: StoreServer, namespace: string) {
    this.#server = server;
    this.keys = new NamespaceKeys(server.connection.prefix, namespace);
  }

  /** A tag that no other state of any row has, in this process or another. */
  newTag(): string {
    this.#tags += 1;
    return `${this.#server.token}${this.#tags.toString(36)}`;
  }

  /** Epoch milliseconds of the clock of the records. */
  now(): number {
    return this.#server.clock?.now() ?? this.#server.time.now();
  }

  /** Names the store of this process among all. */
  get token(): string {
    return this.#server.token;
  }

  run(script: Script, keys: readonly string[], values: readonly string[] = []): Promise<readonly unknown[]> {
    return runScript(this.#server, script, keys, values);
  }

  /**
   * Asks something of all facets. Asks again if there are others than this process knew.
   * @param ask returns the number of facets that the server has, and the answer
   */
  async ofFacets<Answer>(
    ask: (facets: readonly JobFacet[]) => Promise<readonly [number: number, answer: Answer]>,
  ): Promise<Answer> {
    for (;;) {
      const [number, answer] = await ask(this.#facets);
      if (number === this.#facets.length) return answer;
      const { connection } = this.#server;
      const found = await connection.command("read facets", this.keys.facets, ["SMEMBERS", this.keys.facets]);
      this.#facets = (found as string[]).map(facetOf);
    }
  }

  remembered(id: string): Stored | undefined {
    return this.#remembered.get(id);
  }

  remember(stored: Stored): void {
    const { id, status } = stored.row;
    this.#remembered.delete(id);
    // A job that is over is hardly asked for again by a change.
    if (isFinal(status)) return;
    this.#remembered.set(id, stored);
    if (this.#remembered.size <= MAX_REMEMBERED) return;
    const [oldest] = this.#remembered.keys();
    if (oldest !== undefined) this.#remembered.delete(oldest);
  }

  forget(id: string): void {
    this.#remembered.delete(id);
  }
}
