import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import type { SessionHolder } from "../../../servers/service-bus/broker/sessions.ts";
import { noStore } from "../../../servers/service-bus/broker/store.ts";
import { startServiceBusServer } from "../../../servers/service-bus/index.ts";
import { DirectoryLock } from "../../../servers/service-bus/journal/directory-lock.ts";
import { Journal } from "../../../servers/service-bus/journal/journal.ts";
import { linesOf, NdjsonWriter } from "../../../servers/service-bus/journal/ndjson.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { SECOND, times } from "../support.ts";
import { clientOf, consumer, newNamespace, sentMessage } from "./fixture.ts";

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "queueport-"));
});
afterEach(() => rm(dataDir, { recursive: true }));

/** The message ids of a queue after a restart. */
function kept(queue: string): string[] {
  const namespace = newNamespace();
  const journal = new Journal(dataDir, namespace);
  const ids = [...namespace.entity(queue).contents.all()].map(({ messageId }) => messageId);
  journal.close();
  return ids;
}

test("a directory belongs to one server until that server has stopped or died", async () => {
  const first = await startServiceBusServer({ dataDir, queues: ["a"] });
  await expect(startServiceBusServer({ dataDir })).rejects.toThrow("is in use by a running server");
  await first.stop();
  await (await startServiceBusServer({ dataDir })).stop();
  const file = readdirSync(dataDir).find((name) => name.endsWith(".pid")) ?? "";
  const pid = (): string => join(dataDir, file);
  writeFileSync(pid(), "1");
  await expect(startServiceBusServer({ dataDir })).rejects.toThrow("a running server, process 1.");
  // No system has process ids this large.
  writeFileSync(pid(), "2000000000");
  const second = await startServiceBusServer({ dataDir });
  await expect(startServiceBusServer({ dataDir, port: second.port })).rejects.toThrow("a running server");
  await second.stop();
});

test("a directory whose server was killed goes to one of two servers, even if one is suspended between two steps", async () => {
  // No system has process ids this large.
  writeFileSync(join(dataDir, "server.pid"), "2000000000");
  const [go, taken] = [join(dataDir, "go"), join(dataDir, "taken")];
  const source = fileURLToPath(
    new URL("../../../servers/service-bus/journal/directory-lock.ts", import.meta.url),
  );
  const script = `
    const { existsSync, writeFileSync } = await import("node:fs");
    const { DirectoryLock } = await import(${JSON.stringify(pathToFileURL(source).href)});
    process.stdout.write("ready");
    const timer = setInterval(() => {
      if (!existsSync(${JSON.stringify(go)})) return;
      clearInterval(timer);
      new DirectoryLock(${JSON.stringify(dataDir)});
      writeFileSync(${JSON.stringify(taken)}, "");
      setInterval(() => {}, 1_000);
    }, 1);`;
  const other = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  onTestFinished(() => void other.kill("SIGKILL"));
  await once(other.stdout, "data");
  // The other server takes the directory while this one knows that their predecessor is dead.
  const kill = vi.spyOn(process, "kill").mockImplementationOnce(() => {
    kill.mockRestore();
    writeFileSync(go, "");
    for (let waits = 0; !existsSync(taken) && waits < 4_000; waits += 1)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    throw Object.assign(new Error("no such process"), { code: "ESRCH" });
  });
  expect(() => new DirectoryLock(dataDir)).toThrow(`a running server, process ${other.pid}.`);
  other.kill("SIGKILL");
  await once(other, "exit");
  new DirectoryLock(dataDir).release();
});

test("the files of a data directory can be read by their owner only, and are not written through links", async () => {
  const elsewhere = join(dataDir, "elsewhere");
  writeFileSync(elsewhere, "kept");
  const directory = join(dataDir, "new");
  await (await startServiceBusServer({ dataDir: directory, queues: ["a"] })).stop();
  symlinkSync(elsewhere, join(directory, "journal.ndjson.new"));
  await (await startServiceBusServer({ dataDir: directory })).stop();
  expect(readFileSync(elsewhere, "utf8")).toBe("kept");
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  for (const name of readdirSync(directory)) expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600);
});

test("a server whose port is in use does not keep its directory locked", async () => {
  const other = await startServiceBusServer({});
  await expect(startServiceBusServer({ dataDir, port: other.port })).rejects.toThrow("EADDRINUSE");
  await (await startServiceBusServer({ dataDir })).stop();
  await other.stop();
});

test("a removed queue accepts nothing on open links, even if a new queue has its name", async () => {
  const server = await startServiceBusServer({ dataDir, queues: ["a"] });
  // A send that crosses the detach of its link is not answered.
  const client = clientOf(server, 2_000);
  const sender = client.createSender("a");
  await sender.sendMessages({ body: "first" });
  server.deleteQueue("a");
  const send = (): Promise<unknown> =>
    sender.sendMessages({ body: "lost" }).then(
      () => "sent",
      ({ code }: { readonly code: string }) => code,
    );
  await expect.poll(send, { timeout: 20_000 }).toBe("MessagingEntityNotFound");
  server.createQueue("a");
  await sender.sendMessages({ body: "second", messageId: "second" });
  await client.close();
  await server.stop();
  expect(kept("a")).toEqual(["second"]);
});

test("records of a queue that does not exist are skipped when the journal is read", () => {
  const namespace = newNamespace();
  const journal = new Journal(dataDir, namespace);
  const { entity } = namespace.create("a");
  entity.enqueue([sentMessage("m")]);
  namespace.create("b").entity.enqueue([sentMessage("n")]);
  namespace.drop("a");
  journal.put("a", { ...sentMessage("late"), sequence: 9 } as never);
  journal.undefine("a");
  journal.close();
  expect(kept("b")).toEqual(["n"]);
});

test("a batch that cannot be stored is refused as a whole, and is no duplicate when it is sent again", async () => {
  const clock = new FakeClock();
  const namespace = newNamespace(clock);
  const { entity } = namespace.create({ name: "a", duplicateDetectionWindowMs: 60_000 });
  let puts = 0;
  namespace.store = {
    ...noStore,
    put() {
      if ((puts += 1) === 2) throw Object.assign(new Error("ENOSPC"), { syscall: "write" });
    },
  };
  const batch = [sentMessage("m1"), sentMessage("m2")];
  expect(() => entity.enqueue(batch)).toThrow("ENOSPC");
  expect([...entity.contents.all()]).toEqual([]);
  expect(entity.enqueue(batch)).toHaveLength(2);
  expect(entity.enqueue(batch)).toEqual([]);
  // A lock that expires while the disk is full ends neither the process nor the message.
  entity.consumers.attach(consumer);
  entity.consumers.pump();
  namespace.store = {
    ...noStore,
    update() {
      throw new Error("ENOSPC");
    },
  };
  await clock.advance(61 * SECOND);
  expect([...entity.contents.all()].map(({ deliveryCount }) => deliveryCount)).toContain(1);
});

test("messages of a session that expires while the disk is full go to the next receiver", async () => {
  const clock = new FakeClock();
  const namespace = newNamespace(clock);
  const { entity } = namespace.create({ name: "a", requiresSession: true, lockDurationMs: 5_000 });
  const sessions = entity.sessions!;
  const lost: string[] = [];
  const holder = (): SessionHolder => ({ ...consumer, lost: (session) => void lost.push(session) });
  const taken: string[] = [];
  entity.enqueue([sentMessage("m1", "s"), sentMessage("m2", "s")]);
  sessions.acceptNext(holder(), (session) => sessions.pump(session));
  sessions.pump("s");
  sessions.acceptNext(holder(), (session) => void taken.push(session));
  namespace.store = {
    ...noStore,
    update() {
      throw new Error("ENOSPC");
    },
  };
  await clock.advance(6 * SECOND);
  expect([lost, taken]).toEqual([["s"], ["s"]]);
  expect([...entity.contents.all()].map(({ deliveryCount }) => deliveryCount)).toEqual([1, 1]);
});

test("the detection window of a repeated id starts when the id was last seen, also after a restart", () => {
  const namespace = newNamespace(new FakeClock({ start: 36_000 }));
  new Journal(dataDir, namespace).close();
  const { entity } = namespace.create({ name: "a", duplicateDetectionWindowMs: 20_000 });
  for (const [id, at] of [
    ["a", 0],
    ["b", 5_000],
    ["a", 30_000],
  ] as const)
    entity.duplicates.remember(id, at);
  const accepted = entity.enqueue([sentMessage("b"), sentMessage("a")]);
  expect(accepted.map(({ messageId }) => messageId)).toEqual(["b"]);
});

test("lines of any number and length are read as they were written, and a failed write adds nothing", () => {
  const path = join(dataDir, "lines");
  const writer = new NdjsonWriter(openSync(path, "w"));
  const lines = times(3_000, (index) => ({ index, text: "é".repeat(index) }));
  for (const line of lines.slice(0, 2_990)) writer.add(line);
  writer.flush();
  for (const line of lines.slice(2_990)) writer.write(line);
  expect(writer.bytes).toBe(readFileSync(path).length);
  writer.close();
  const read = [...linesOf(path)].filter((text) => text !== "").map((text) => JSON.parse(text) as unknown);
  expect(read).toEqual(lines);
  const full = openSync("/dev/full", "w");
  const failing = new NdjsonWriter(full);
  expect(() => failing.write({ a: 1 })).toThrow("ENOSPC");
  expect(failing.bytes).toBe(0);
  closeSync(full);
});

test.skipIf(process.platform === "win32")(
  "the directory and its journal can be read by nobody else, and the journal is not written through a link",
  () => {
    const directory = join(dataDir, "new");
    const outside = join(dataDir, "outside");
    new Journal(directory, newNamespace()).close();
    const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);
    expect([modeOf(directory), modeOf(join(directory, "journal.ndjson"))]).toEqual(["700", "600"]);

    writeFileSync(outside, "theirs");
    symlinkSync(outside, join(directory, "journal.ndjson.new"));
    new Journal(directory, newNamespace()).close();
    expect(readFileSync(outside, "utf8")).toBe("theirs");
  },
);

test("annotations of a sender count towards the size of a queue, and are kept through a restart", () => {
  const namespace = newNamespace();
  const journal = new Journal(dataDir, namespace);
  const { contents } = namespace.create("annotated").entity;
  const annotations = { count: 1, pairs: Buffer.alloc(100) };
  namespace
    .queue("annotated")
    .entity.enqueue([{ ...sentMessage("m"), annotations, durable: true, priority: 7 }]);
  expect(contents.bytes).toBe(101);
  journal.close();
  const after = newNamespace();
  new Journal(dataDir, after).close();
  expect([...after.entity("annotated").contents.all()]).toMatchObject([
    { annotations, durable: true, priority: 7 },
  ]);
});
