import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ServiceBusClient } from "@azure/service-bus";
import { expect, test } from "vitest";
import { lastingPort } from "../support/port.ts";
import { queueport } from "./run.ts";

interface Started {
  readonly port: number;
  readonly connectionString: string;
}

async function start(
  ...args: string[]
): Promise<Started & { readonly running: ReturnType<typeof queueport> }> {
  const running = queueport(["service-bus-server", "--json", ...args]);
  const line = await running.printed(/^\{.*\}$/m);
  return { ...(JSON.parse(line) as Started), running };
}

test("service-bus-server serves Microsoft's SDK, keeps its messages when it is killed, and ends on SIGTERM", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "queueport-"));
  const queues = ["--queue", "emails", "--session-queue", "orders", "--lock", "8s", "--data-dir", dataDir];
  try {
    // The port must stay free while the server restarts.
    const port = String(await lastingPort());
    const first = await start("--port", port, ...queues);
    const client = new ServiceBusClient(first.connectionString);
    await client.createSender("emails").sendMessages([{ body: 1 }, { body: 2 }]);
    await client.createSender("orders").sendMessages({ body: 3, sessionId: "a" });
    const [taken] = await client.createReceiver("emails").receiveMessages(1);
    expect(taken?.body).toBe(1);
    first.running.kill("SIGKILL");
    await first.running.result;
    await client.close();

    const second = await start("--port", port, ...queues);
    const later = new ServiceBusClient(second.connectionString);
    const receiver = later.createReceiver("emails", { maxAutoLockRenewalDurationInMs: 0 });
    const bodies: unknown[] = [];
    while (bodies.length < 2) {
      for (const message of await receiver.receiveMessages(2, { maxWaitTimeInMs: 2_000 })) {
        bodies.push(message.body);
        await receiver.completeMessage(message);
      }
    }
    // The lock on the first message survived the kill and has expired since.
    expect(new Set(bodies)).toEqual(new Set([1, 2]));
    const session = await later.acceptNextSession("orders");
    expect((await session.receiveMessages(1)).map(({ body }) => body as unknown)).toEqual([3]);
    await later.close();
    second.running.kill("SIGTERM");
    expect(await second.running.result).toMatchObject({ code: 0, stderr: "" });
  } finally {
    await rm(dataDir, { recursive: true });
  }
});

test("service-bus-server refuses settings that Service Bus does not accept, and a port in use", async () => {
  const tooLong = await queueport(["service-bus-server", "--port", "0", "--queue", "a", "--lock", "10m"])
    .result;
  expect(tooLong).toMatchObject({
    code: 2,
    stderr:
      "queueport: The server cannot start: a: lockDurationMs is 600000; Service Bus takes 1 to 300000.\n",
  });
  const { port, running } = await start("--port", "0");
  const second = await queueport(["service-bus-server", "--port", String(port)]).result;
  expect(second.code).toBe(2);
  expect(second.stderr).toMatch(/port \d+ on 127\.0\.0\.1 is in use/);
  running.kill("SIGINT");
  expect((await running.result).code).toBe(0);
});
