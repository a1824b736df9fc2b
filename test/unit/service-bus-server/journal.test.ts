import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Namespace } from "../../../servers/service-bus/broker/namespace.ts";
import type { SessionHolder } from "../../../servers/service-bus/broker/sessions.ts";
import { forgetful } from "../../../servers/service-bus/broker/store.ts";
import { startServiceBusServer } from "../../../servers/service-bus/index.ts";
import { Journal } from "../../../servers/service-bus/journal.ts";
import { LineWriter, linesOf } from "../../../servers/service-bus/lines.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { SECOND, times } from "../support.ts";
import { clientOf, newMessage } from "./bed.ts";

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "queueport-"));
});
afterEach(() => rm(dataDir, { recursive: true }));

const pid = (): string => join(dataDir, "server.pid");
/** The message ids of a queue after a restart. */
function kept(queue: string): string[] {
  const namespace = new Namespace(new FakeClock());
  const journal = new Journal(dataDir, namespace);
  const ids = [...namespace.entity(queue).contents.all()].map(({ messageId }) => messageId);
  journal.close();
  return ids;
}

test("a directory is one server's, until that ends or has died", async () => {
  const first = await startServiceBusServer({ dataDir, queues: ["a"] });
  await expect(startServiceBusServer({ dataDir })).rejects.toThrow("is that of a server that runs");
  await first.stop();
  expect(existsSync(pid())).toBe(false);
  writeFileSync(pid(), "1");
  await expect(startServiceBusServer({ dataDir })).rejects.toThrow("as process 1");
  // Beyond what any system has for a number.
  writeFileSync(pid(), "2000000000");
  const second = await startServiceBusServer({ dataDir });
  await expect(startServiceBusServer({ dataDir, port: second.port })).rejects.toThrow("that runs");
  await second.stop();
});

test("a server whose port is taken leaves the directory to others", async () => {
  const other = await startServiceBusServer({});
  await expect(startServiceBusServer({ dataDir, port: other.port })).rejects.toThrow("EADDRINUSE");
  await (await startServiceBusServer({ dataDir })).stop();
  await other.stop();
});

test("a queue that was removed takes nothing, also by links that were open, and where there is another of its name", async () => {
  const server = await startServiceBusServer({ dataDir, queues: ["a"] });
  // What crosses the end of its link on the way is not answered.
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

test("what is written of a queue that is not there is left out", () => {
  const namespace = new Namespace(new FakeClock());
  const journal = new Journal(dataDir, namespace);
  const { entity } = namespace.create("a");
  entity.enqueue([newMessage("m")]);
  namespace.create("b").entity.enqueue([newMessage("n")]);
  namespace.drop("a");
  journal.put("a", { ...newMessage("late"), sequence: 9 } as never);
  journal.undefine("a");
  journal.close();
  expect(kept("b")).toEqual(["n"]);
});

test("what cannot be written down is refused, is not there, and is no repetition when it is sent again", async () => {
  const clock = new FakeClock();
  const namespace = new Namespace(clock);
  const { entity } = namespace.create({ name: "a", duplicateDetectionWindowMs: 60_000 });
  let puts = 0;
  namespace.store = {
    ...forgetful,
    put() {
      if ((puts += 1) === 2) throw Object.assign(new Error("ENOSPC"), { syscall: "write" });
    },
  };
  const batch = [newMessage("m1"), newMessage("m2")];
  expect(() => entity.enqueue(batch)).toThrow("ENOSPC");
  expect([...entity.contents.all()]).toEqual([]);
  expect(entity.enqueue(batch)).toHaveLength(2);
  expect(entity.enqueue(batch)).toEqual([]);
  // Nor is a lock that ends on a full disk the end of the process, or of the message.
  entity.line.attach({ credit: 1, deletes: false, deliver() {}, end() {} });
  entity.line.pump();
  namespace.store = {
    ...forgetful,
    update() {
      throw new Error("ENOSPC");
    },
  };
  await clock.advance(61 * SECOND);
  expect([...entity.contents.all()].map(({ deliveryCount }) => deliveryCount)).toContain(1);
});

test("nor is a session that ends on a full disk, and others have what it held", async () => {
  const clock = new FakeClock();
  const namespace = new Namespace(clock);
  const { entity } = namespace.create({ name: "a", requiresSession: true, lockDurationMs: 5_000 });
  const sessions = entity.sessions!;
  const lost: string[] = [];
  const holder = (): SessionHolder => ({
    credit: 1,
    deletes: false,
    deliver() {},
    end() {},
    lost: (session) => void lost.push(session),
  });
  const taken: string[] = [];
  entity.enqueue([newMessage("m1", "s"), newMessage("m2", "s")]);
  sessions.acceptNext(holder(), (session) => sessions.pump(session));
  sessions.pump("s");
  sessions.acceptNext(holder(), (session) => void taken.push(session));
  namespace.store = {
    ...forgetful,
    update() {
      throw new Error("ENOSPC");
    },
  };
  await clock.advance(6 * SECOND);
  expect([lost, taken]).toEqual([["s"], ["s"]]);
  expect([...entity.contents.all()].map(({ deliveryCount }) => deliveryCount)).toEqual([1, 1]);
});

test("a repeated id counts from when it was seen last, after a restart too", () => {
  const seen = (): Namespace => {
    const namespace = new Namespace(new FakeClock({ start: 36_000 }));
    const journal = new Journal(dataDir, namespace);
    journal.close();
    return namespace;
  };
  const namespace = seen();
  const { entity } = namespace.create({ name: "a", duplicateDetectionWindowMs: 20_000 });
  for (const [id, at] of [
    ["a", 0],
    ["b", 5_000],
    ["a", 30_000],
  ] as const)
    entity.duplicates.remember(id, at);
  expect(entity.enqueue([newMessage("b"), newMessage("a")]).map(({ messageId }) => messageId)).toEqual(["b"]);
});

test("lines come back as they were, however many and long; one that cannot be written is none", () => {
  const path = join(dataDir, "lines");
  const writer = new LineWriter(openSync(path, "w"));
  const lines = times(3_000, (index) => ({ index, text: "é".repeat(index) }));
  for (const line of lines.slice(0, 2_990)) writer.add(line);
  writer.flush();
  for (const line of lines.slice(2_990)) writer.write(line);
  expect(writer.bytes).toBe(readFileSync(path).length);
  writer.close();
  const read = [...linesOf(path)].filter((text) => text !== "").map((text) => JSON.parse(text) as unknown);
  expect(read).toEqual(lines);
  const full = openSync("/dev/full", "w");
  const failing = new LineWriter(full);
  expect(() => failing.write({ a: 1 })).toThrow("ENOSPC");
  expect(failing.bytes).toBe(0);
  closeSync(full);
});
