import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Connections } from "../../../adapters/pubsub/clients.ts";
import { Names } from "../../../adapters/pubsub/names.ts";
import { Subscriptions } from "../../../adapters/pubsub/traits.ts";
import { grpcError, StubService } from "./support.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "queueport-"));
});
afterEach(() => rm(directory, { recursive: true }));

test("missing credentials fail only the call that needs them, and are used once they exist", async () => {
  const unhandled: unknown[] = [];
  const listen = (error: unknown): void => void unhandled.push(error);
  process.on("unhandledRejection", listen);
  const keyFilename = join(directory, "key.json");
  const connections = new Connections({ projectId: "p", keyFilename });
  await expect(connections.clients()).rejects.toThrow("ENOENT");
  await new Promise((resolve) => setImmediate(resolve));
  const { privateKey } = (await import("node:crypto")).generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const key = {
    type: "service_account",
    client_email: "worker@p.iam.gserviceaccount.com",
    private_key: privateKey.export({ type: "pkcs8", format: "pem" }),
  };
  await writeFile(keyFilename, JSON.stringify(key));
  expect((await connections.clients()).project).toBe("p");
  await connections.close();
  process.off("unhandledRejection", listen);
  expect(unhandled).toEqual([]);
});

test("a cached subscription stays while it cannot be read, and is removed once it is gone", async () => {
  await using stub = await StubService.start();
  const { publisher, subscriber } = stub.clients;
  const connections = new Connections({ projectId: "p", clients: { publisher, subscriber } });
  const subscriptions = new Subscriptions(connections, new Names({}));
  stub.answers["getSubscription"] = () => ({ ackDeadlineSeconds: 30 });
  await subscriptions.get("jobs");
  for (const code of [7, 14]) {
    stub.answers["getSubscription"] = () => grpcError(code);
    await expect(subscriptions.refresh("jobs")).rejects.toThrow(`status ${code}`);
    expect(await subscriptions.get("jobs")).toMatchObject({ ackDeadlineSeconds: 30 });
  }
  stub.answers["getSubscription"] = () => ({ ackDeadlineSeconds: 60 });
  await subscriptions.refresh("jobs");
  expect(await subscriptions.get("jobs")).toMatchObject({ ackDeadlineSeconds: 60 });
  stub.answers["getSubscription"] = () => grpcError(5);
  await expect(subscriptions.refresh("jobs")).rejects.toMatchObject({ kind: "not_found" });
  await expect(subscriptions.get("jobs")).rejects.toMatchObject({ kind: "not_found" });
});
