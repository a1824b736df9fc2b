import { ServiceBusClient } from "@azure/service-bus";
import { startServiceBusServer } from "../../servers/service-bus/index.ts";
import { encode } from "../../src/message/envelope.ts";
import { completeMessage } from "../../src/message/new-message.ts";
import { messageOf } from "../contenders/job.ts";
import { answerCommands } from "./server.ts";

/** The AMQP server of this repository, in memory. */
const server = await startServiceBusServer({ queues: ["bench", "bench-delay"] });

answerCommands(async ({ fill }) => {
  if (fill !== undefined) {
    server.deleteQueue("bench");
    server.createQueue("bench");
    await send(fill);
    server.resetStats();
  }
  const { transfersIn, transfersOut, settlements } = server.stats;
  return { requests: transfersIn + transfersOut + settlements, address: server.connectionString };
});

async function send(count: number): Promise<void> {
  const client = new ServiceBusClient(server.connectionString);
  const sender = client.createSender("bench");
  for (let sent = 0; sent < count;) {
    const batch = [];
    for (const end = Math.min(count, sent + 500); sent < end; sent += 1) {
      const { body, attributes } = encode(
        completeMessage({ ...messageOf(sent), schema: undefined }, Date.now()),
      );
      batch.push({
        body: Buffer.from(body),
        applicationProperties: { ...attributes },
        messageId: `m-${sent}`,
      });
    }
    await sender.sendMessages(batch);
  }
  await client.close();
}
