import type { Observation } from "../observation.ts";
import type { Row } from "./connection/executor.ts";
import type { ConnectionOptions } from "./connection/options.ts";
import { PostgresConnection } from "./connection/postgres-connection.ts";
import { schemaVersion } from "./schema/migrate.ts";
import { channelOf, queueSchema } from "./schema/queue-schema.ts";

/** Dead rows from which claims become slower, if they are also more than the living ones. */
const MANY_DEAD = 50_000;
/** A transaction that is open for this long keeps dead rows in every table of the database. */
const LONG_SECONDS = 600;
/** The time in which a notification of one's own must be heard. */
const ECHO_MS = 3_000;

/** Looks at the database of queues for `queueport doctor`. Changes nothing. */
export async function inspect(
  options: ConnectionOptions,
  { longSeconds = LONG_SECONDS }: { readonly longSeconds?: number } = {},
): Promise<readonly Observation[]> {
  const connection = new PostgresConnection({ ...options, onWarning: () => {} });
  try {
    const query = (text: string, values: readonly string[] = []): Promise<Row[]> =>
      connection.query("inspect the database", text, values);
    const { name, isReadOnly } = await serverOf(query);
    const found: Observation[] = [
      isReadOnly
        ? broken(`server: ${name}, read-only`, "give the url of the primary")
        : ok(`server: ${name}`),
    ];
    const version = await schemaVersion(connection, queueSchema);
    found.push(...schemaObservations(connection.schema, version));
    if (version !== queueSchema.migrations.length) return found;
    found.push(...(await rows(query, connection.schema)), ...(await transactions(query, longSeconds)));
    if (options.listen !== false) found.push(await listening(connection));
    return found;
  } catch (error) {
    const { message } = error as Error;
    return [broken(`server: ${message}`, "correct the url, or start the server")];
  } finally {
    await connection.close();
  }
}

type Query = (text: string, values?: readonly string[]) => Promise<Row[]>;

async function serverOf(query: Query): Promise<{ readonly name: string; readonly isReadOnly: boolean }> {
  const [row] = await query(
    "SELECT current_setting('server_version') AS version, current_setting('transaction_read_only') = 'on' AS read_only",
  );
  return { name: `PostgreSQL ${row?.["version"] as string}`, isReadOnly: row?.["read_only"] === true };
}

function schemaObservations(schema: string, version: number): Observation[] {
  const known = queueSchema.migrations.length;
  if (version === known) return [ok(`schema ${schema}: version ${version}`)];
  if (version > known)
    return [
      broken(
        `schema ${schema}: version ${version}; this queueport knows ${known}`,
        "install a newer queueport",
      ),
    ];
  const what = version === 0 ? "does not exist" : `version ${version}; ${known} is needed`;
  return [broken(`schema ${schema}: ${what}`, "queueport migrate")];
}

/** The dead rows of the tables, which slow claims down. */
async function rows(query: Query, schema: string): Promise<Observation[]> {
  const found = await query(
    `SELECT relname AS name, n_live_tup::text AS live, n_dead_tup::text AS dead FROM pg_stat_user_tables
     WHERE schemaname = $1 AND relname IN ('message', 'key_queue')`,
    [schema],
  );
  const [setting] = await query("SHOW autovacuum");
  const vacuum: Observation[] =
    setting?.["autovacuum"] === "off"
      ? [warning("autovacuum: off, so dead rows stay and claims become slower", "switch it on")]
      : [];
  const tables = found.map(({ name, live, dead }) => {
    const what = `table ${name as string}: ${live as string} rows, ${dead as string} dead ones`;
    return Number(dead) > Math.max(MANY_DEAD, Number(live))
      ? warning(what, "find the transaction that is open for long, and see that autovacuum runs")
      : ok(what);
  });
  return [...vacuum, ...tables];
}

/** The transactions that keep dead rows in the database. */
async function transactions(query: Query, longSeconds: number): Promise<Observation[]> {
  const [row] = await query(
    `SELECT pid::text, state, application_name AS application, floor(extract(epoch FROM clock_timestamp() - xact_start))::text AS seconds
     FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
       AND xact_start < clock_timestamp() - $1::text::float8 * interval '1 second'
     ORDER BY xact_start LIMIT 1`,
    [String(longSeconds)],
  );
  if (row === undefined) return [ok("transactions: none is open for long")];
  const { pid, state, application, seconds } = row as Readonly<Record<string, string | null>>;
  const who = application === null || application === "" ? "" : ` of ${application}`;
  return [
    warning(
      `transactions: process ${pid}${who} has one open for ${seconds} s (${state ?? "unknown"}), which keeps dead rows`,
      "end it, and set idle_in_transaction_session_timeout",
    ),
  ];
}

/** Whether notifications arrive: not behind a pooler that shares connections between transactions. */
async function listening(connection: PostgresConnection): Promise<Observation> {
  const heard = Promise.withResolvers<boolean>();
  const listener = connection.listener(channelOf(connection.schema), {
    onMessage: () => {},
    onChange: (hears) => heard.resolve(hears),
  });
  listener?.start();
  const timer = connection.clock.timer(ECHO_MS, () => heard.resolve(false), true);
  const hears = await heard.promise;
  timer.cancel();
  return hears
    ? ok("notifications: heard")
    : warning(
        "notifications: LISTEN hears nothing, so new messages are found by polling; a pooler may stand between",
        'set listen to { "url": … } with the address of the server itself, or to false',
      );
}

const ok = (what: string): Observation => ({ level: "ok", what });
const warning = (what: string, fix: string): Observation => ({ level: "warning", what, fix });
const broken = (what: string, fix: string): Observation => ({ level: "broken", what, fix });
