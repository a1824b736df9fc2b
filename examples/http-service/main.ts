// Shows: an HTTP service that sends one job for each Idempotency-Key, and shuts down gracefully.
// Run:   npx node examples/http-service/main.ts; then: curl -H "Idempotency-Key: 1" -d a@b.example localhost:3000/sign-up
// Ends:  by Ctrl-C or SIGTERM, when requests and jobs that have begun are done.
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { defineJob, isQueueError, openQueue, Worker } from "queueport";
import { z } from "zod";

const welcome = defineJob({ type: "welcome", schema: z.object({ email: z.email() }) });

// This emulation deduplicates for ten minutes, as Azure Service Bus does. So does a FIFO queue on Amazon SQS.
const queue = await openQueue({ provider: "memory", emulate: "service-bus", queues: ["emails"] });

/** Sends the job. Its id is the request's key: the queue drops a repeated id, and the client gets the same answer. */
async function signUp(request: IncomingMessage): Promise<{ status: number; body: unknown }> {
  const key = request.headers["idempotency-key"];
  if (typeof key !== "string") return { status: 400, body: { error: "Send an Idempotency-Key header." } };
  try {
    const email = (await text(request)).trim();
    const { id } = await queue.send("emails", welcome.message({ email }, { id: key }), { deadlineMs: 5_000 });
    return { status: 202, body: { id } };
  } catch (error) {
    if (isQueueError(error, "invalid_payload")) return { status: 400, body: { error: error.message } };
    // Also `send_unknown`, where the job may have been sent: the client can repeat its request with the same key.
    if (isQueueError(error) && error.retryable) return { status: 503, body: { error: "Try again later." } };
    throw error;
  }
}

const server = createServer((request, response) => {
  if (request.method !== "POST" || request.url !== "/sign-up") {
    response.writeHead(404).end();
    return;
  }
  signUp(request).then(
    ({ status, body }) => {
      response.writeHead(status, { "content-type": "application/json" }).end(`${JSON.stringify(body)}\n`);
    },
    (error: unknown) => {
      console.error(error);
      response.writeHead(500).end();
    },
  );
});

// The worker is usually another process. Queues in memory have one process only.
const worker = new Worker(queue);
worker.register(welcome, ({ payload, id }) => console.log(`welcomed ${payload.email} (${id})`));
await worker.start("emails");

server.listen(Number(process.env["PORT"] ?? 3_000), "127.0.0.1");
await once(server, "listening");
console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`);

await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
server.close(); // accepts no new connections, and waits for the requests that have begun
await once(server, "close");
await worker.stop(); // takes no new jobs, and waits for those that run
await queue.close(); // sends what was accepted
console.log("closed");
