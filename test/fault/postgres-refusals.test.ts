import { spawnSync } from "node:child_process";
import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { postgres } from "../../adapters/postgres/index.ts";
import { createQueue } from "../../src/client/create-queue.ts";
import type { Queue } from "../../src/queue/queue.ts";
import { PostgresFixture } from "../support/postgres-fixture.ts";
import { embeddedBinaries } from "../support/servers/embedded-postgres.ts";
import { findServer, onServer } from "../support/servers/find-server.ts";
import { PrivatePostgres } from "../support/servers/postgres-server.ts";

const job = { type: "job", payload: {} };
/** A deadline after which the last error of a send that may pass is its outcome. */
const soon = { deadlineMs: 2_000 };

const binaries = await embeddedBinaries();
const { server, missing } = await findServer("postgres");
afterAll(() => server?.close());

describe.skipIf(missing !== undefined)(onServer("postgres"), () => {
  let fixture: PostgresFixture;
  beforeAll(async () => {
    fixture = await PostgresFixture.start(server!.url);
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  /** Creates a user with the rights that the page of the provider lists, but for those that are left out. */
  async function user(grants: string[]): Promise<string> {
    const name = `user_${Math.random().toString(36).slice(2, 10)}`;
    await fixture.database.query(`CREATE ROLE ${name} LOGIN`);
    for (const grant of ["USAGE ON SCHEMA queueport", "SELECT ON queueport.migration", ...grants])
      await fixture.database.query(`GRANT ${grant} TO ${name}`);
    const url = new URL(fixture.database.url);
    url.username = name;
    url.password = "";
    return url.href;
  }
  const TABLES = "queueport.queue, queueport.message, queueport.key_queue, queueport.seen";
  const ALL = [`SELECT, INSERT, UPDATE, DELETE ON ${TABLES}`, "USAGE ON ALL SEQUENCES IN SCHEMA queueport"];
  afterAll(async () => {
    // Roles belong to the server, and not to the database.
    const { rows } = await fixture.database.query(
      "SELECT DISTINCT grantee FROM information_schema.table_privileges WHERE grantee LIKE 'user\\_%'",
    );
    for (const { grantee } of rows)
      await fixture.database.query(`DROP OWNED BY ${grantee}; DROP ROLE ${grantee}`);
  });

  test("the grants of the provider's page are enough for everything that a service does", async () => {
    const queue = fixture.connect({ url: await user(ALL), dedupWindowMs: "1m" });
    const [plain, ordered] = [await fixture.freshQueue(), await fixture.freshQueue({ ordering: "by_key" })];
    await queue.send(plain, job);
    await queue.send(ordered, { ...job, orderingKey: "a" });
    await queue.send("made-on-first-use", { ...job, dedupId: "one" });
    const { handle } = await queue.sendDelayed(plain, job, "1h", { cancellable: true });
    expect(await queue.cancel(handle!)).toBe(true);
    for (const name of [plain, ordered, "made-on-first-use"]) {
      const stop = new AbortController();
      await queue.receive(name, async () => stop.abort(), { signal: stop.signal });
      expect(await queue.stats(name)).toMatchObject({ messages: 0, inFlight: 0 });
    }
    await queue.ensure(plain);
    await queue.drop(plain);
  });

  test("a user who may only read gets an error that names the right, and nothing is lost", async () => {
    const name = await fixture.freshQueue();
    await fixture.connect().send(name, job);
    const reader = fixture.connect({ url: await user([`SELECT ON ${TABLES}`]) });
    expect(await reader.stats(name)).toMatchObject({ messages: 1 });
    await expect(reader.send(name, job)).rejects.toMatchObject({
      code: "auth",
      message: expect.stringMatching(/permission denied for .*docs\/providers\/postgres\.md/),
    });
    await expect(reader.receive(name, async () => {}, {})).rejects.toMatchObject({ code: "auth" });
    expect(await reader.stats(name)).toMatchObject({ messages: 1, inFlight: 0 });
  });

  test("a server that is read-only, as a standby, is an error that may pass", async () => {
    const name = await fixture.freshQueue();
    const url = await user(ALL);
    await fixture.database.query(
      `ALTER ROLE ${new URL(url).username} SET default_transaction_read_only = on`,
    );
    await expect(fixture.connect({ url }).send(name, job, soon)).rejects.toMatchObject({
      code: "send_failed",
      message: expect.stringMatching(/read-only.*Connect to the primary/),
    });
  });

  test("a server without a free connection is an error that may pass", async () => {
    const name = await fixture.freshQueue();
    const url = await user(ALL);
    await fixture.database.query(`ALTER ROLE ${new URL(url).username} CONNECTION LIMIT 0`);
    await expect(fixture.connect({ url }).send(name, job, soon)).rejects.toMatchObject({
      cause: { message: expect.stringMatching(/too many connections.*put a pooler before the server/) },
    });
  });

  test("a database that does not exist is named", async () => {
    const url = new URL(fixture.database.url);
    url.pathname = "/no_such_database";
    await expect(fixture.connect({ url: url.href }).send("emails", job)).rejects.toMatchObject({
      code: "not_found",
      message: expect.stringMatching(/"no_such_database" does not exist; create the database/),
    });
  });

  test("a schema that is missing, older or newer is named with what to do", async () => {
    const of = (schema: string): Queue => fixture.connect({ schema });
    await expect(of("none").send("emails", job)).rejects.toMatchObject({
      code: "not_found",
      message: expect.stringMatching(/the schema "none" for queues does not exist.*queueport migrate/),
    });
    await of("later").ensure("emails");
    await fixture.database.query(
      "INSERT INTO later.migration (part, version, name) VALUES ('queue', 99, 'of a later version')",
    );
    for (const call of [
      (queue: Queue) => queue.send("emails", job),
      (queue: Queue) => queue.stats("emails"),
      (queue: Queue) => queue.ensure("emails"),
    ])
      await expect(call(of("later"))).rejects.toMatchObject({
        message: expect.stringMatching(/has version 99 .*Update queueport/),
      });
    await of("older").ensure("emails");
    await fixture.database.query("DELETE FROM older.migration");
    await expect(of("older").send("emails", job)).rejects.toMatchObject({ code: "not_found" });
  });

  test("processes that create the same schema at once wait for each other", async () => {
    const queues = Array.from({ length: 8 }, () => fixture.connect({ schema: "at_once" }));
    await Promise.all(queues.map((queue, index) => queue.ensure(`queue-${index % 3}`)));
    expect(await queues[0]!.stats("queue-0")).toMatchObject({ messages: 0 });
  });

  test("a database whose encoding cannot hold every text is refused", async () => {
    await fixture.database.query(
      "CREATE DATABASE queueport_test_latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0",
    );
    try {
      const url = new URL(fixture.database.url);
      url.pathname = "/queueport_test_latin";
      const queue = createQueue(postgres({ url: url.href }));
      await expect(queue.ensure("emails")).rejects.toMatchObject({
        message: expect.stringMatching(/LATIN1.*ENCODING 'UTF8'/),
      });
      await queue.close();
    } finally {
      await fixture.database.query("DROP DATABASE queueport_test_latin WITH (FORCE)");
    }
  });
});

describe.skipIf(binaries === undefined)(onServer("postgres"), () => {
  test("a wrong password is an error of the credentials, which does not show it", async () => {
    await using own = await PrivatePostgres.start(binaries!);
    await using fixture = await PostgresFixture.start(own.url);
    await fixture.database.query("CREATE ROLE locked LOGIN PASSWORD 'right'");
    const file = join(own.directory, "data", "pg_hba.conf");
    await writeFile(file, `host all locked all scram-sha-256\n${await readFile(file, "utf8")}`);
    await fixture.database.query("SELECT pg_reload_conf()");
    const url = new URL(fixture.database.url);
    url.username = "locked";
    for (const [password, problem] of [
      ["guessed-wrong", /password authentication failed/],
      ["", /password must be a string|no password supplied/i],
    ] as const) {
      url.password = password;
      const refused = fixture.connect({ url: url.href }).send("emails", job);
      await expect(refused).rejects.toMatchObject({ code: "auth", message: expect.stringMatching(problem) });
      await expect(refused).rejects.not.toMatchObject({ message: expect.stringMatching(/guessed-wrong/) });
    }
  });

  test("a full disk refuses sends as full, and loses nothing that was confirmed", async (context) => {
    const disk = await mkdtemp(join(tmpdir(), "queueport-disk-"));
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=180m,mode=755", "tmpfs", disk]);
    try {
      context.skip(mounted.status !== 0, "only root can mount a small disk");
      await using own = await PrivatePostgres.start(binaries!, disk);
      await using fixture = await PostgresFixture.start(own.url);
      const name = await fixture.freshQueue();
      const queue = fixture.connect();
      const filler = join(disk, "filler");
      const sent = new Set<string>();
      // Random, since the server compresses what repeats itself.
      const text = (): string =>
        Array.from({ length: 20_000 }, () => Math.random().toString(36).slice(2)).join("");
      await writeFile(filler, "");
      let full: unknown;
      for (let tries = 0; full === undefined && tries < 2_000; tries += 1) {
        await appendFile(filler, Buffer.alloc(1_000_000)).catch(() => {});
        const [outcome] = await queue.sendBatch(name, [{ type: "job", payload: text() }], soon);
        if (outcome!.ok) sent.add(outcome!.id);
        else full = outcome!.error;
      }
      // The server may end itself if even its log has no room, and then no send can be refused as full.
      expect(full).toMatchObject({
        code: expect.stringMatching(/^(?:queue_full|full|unavailable|unknown_outcome)$/),
      });
      await rm(filler);
      await own.kill();
      await own.start();
      const seen = new Set<string>();
      const stop = new AbortController();
      const reader = fixture.connect();
      await reader.receive(
        name,
        async ({ id }) => {
          seen.add(id);
          if ([...sent].every((one) => seen.has(one))) stop.abort();
        },
        { signal: stop.signal },
      );
      expect([...sent].filter((id) => !seen.has(id))).toEqual([]);
    } finally {
      spawnSync("umount", [disk]);
      await rm(disk, { recursive: true, force: true });
    }
  });
});
