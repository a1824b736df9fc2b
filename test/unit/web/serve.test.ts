import { execFile } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { memory } from "../../../adapters/memory/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import { createJobs } from "../../../src/jobs/create-jobs.ts";
import type { Jobs } from "../../../src/jobs/jobs.ts";
import { memoryJobStore } from "../../../src/jobs/store/memory-job-store.ts";
import { jobsApi, serveApi } from "../../../web/api/index.ts";
import { email } from "./fixture.ts";

const run = promisify(execFile);
const job = { type: "email", payload: { to: "user@example.com" } };

async function openJobs(): Promise<Jobs> {
  const queue = createQueue(memory({ capacity: 1_000_000 }));
  return createJobs(queue, { store: memoryJobStore(), definitions: [email], onWarning: () => {} });
}

async function closeAll(jobs: Jobs): Promise<void> {
  await jobs.close();
  await jobs.queue.close();
}

test("curl sends the request of the seed, and reads the job", async () => {
  const jobs = await openJobs();
  await using server = await serveApi(jobsApi(jobs, { open: true }), { port: 0 });
  const json = ["-sS", "-H", "Content-Type: application/json"];
  const body = `{ "type": "email", "payload": { "to": "user@example.com", "subject": "Test Email", "body": "This is a test" }, "priority": 1 }`;
  const { stdout } = await run("curl", [
    ...json,
    "-i",
    "-X",
    "POST",
    `${server.url}/api/v1/jobs`,
    "-d",
    body,
  ]);
  expect(stdout).toMatch(/^HTTP\/1\.1 201 Created\r\n/);
  const location = /^location: (.*)\r$/m.exec(stdout)?.[1];
  const read = await run("curl", ["-sS", `${server.url}${location}`]);
  expect(JSON.parse(read.stdout)).toMatchObject({ type: "email", status: "queued" });
  const list = await run("curl", [
    "-sS",
    `${server.url}/api/v1/jobs?status=queued&type=email&limit=50&offset=0`,
  ]);
  expect(JSON.parse(list.stdout)).toMatchObject({ total: 1, limit: 50, offset: 0 });
  await closeAll(jobs);
});

test("a stream ends on the server when its client goes", async () => {
  const jobs = await openJobs();
  await using server = await serveApi(jobsApi(jobs, { open: true, maxStreams: 1, heartbeat: 100 }), {
    port: 0,
  });
  const controller = new AbortController();
  const response = await fetch(`${server.url}/api/v1/events`, { signal: controller.signal });
  expect(response.status).toBe(200);
  const sent = await fetch(`${server.url}/api/v1/jobs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(job),
  });
  const { id } = (await sent.json()) as { readonly id: string };
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.includes("event: job.queued")) break;
  }
  expect(text).toContain(`"id":"${id}"`);
  controller.abort();
  // The one stream is free as soon as the server has noticed.
  const isFree = async (): Promise<number> => {
    const again = await fetch(`${server.url}/api/v1/events`);
    await again.body?.cancel();
    return again.status;
  };
  await expect.poll(isFree, { timeout: 10_000 }).toBe(200);
  await closeAll(jobs);
});

test("a stream that its client does not read ends, and one that has nothing to say goes on", async () => {
  const jobs = await openJobs();
  const api = jobsApi(jobs, { open: true, maxStreams: 2, heartbeat: "1m" });
  await using server = await serveApi(api, { port: 0, unreadTimeout: 300 });
  const quiet = await fetch(`${server.url}/api/v1/events?type=none`);
  const unread = connect(server.port, "127.0.0.1");
  unread.on("error", () => {});
  unread.write("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await once(unread, "data");
  unread.pause();
  const tags = Array.from({ length: 20 }, (_, at) => `${at}`.padEnd(64, "x"));
  const isOver = async (): Promise<number> => {
    // The events fill what the systems of both sides keep for the connection.
    await Promise.all(Array.from({ length: 2_000 }, () => jobs.send(email.message({ to: "a" }), { tags })));
    const third = await fetch(`${server.url}/api/v1/events`);
    await third.body?.cancel();
    return third.status;
  };
  await expect.poll(isOver, { timeout: 20_000, interval: 100 }).toBe(200);
  const reader = quiet.body?.getReader();
  expect((await reader?.read())?.done).toBe(false);
  unread.destroy();
  await reader?.cancel();
  await closeAll(jobs);
}, 30_000);

test("a body of 2 MB is refused over a socket too, and the server goes on", async () => {
  const jobs = await openJobs();
  await using server = await serveApi(jobsApi(jobs, { open: true }), { port: 0 });
  const { stdout } = await run("sh", [
    "-c",
    `head -c 2000000 /dev/zero | tr '\\0' ' ' | curl -sS -H 'Content-Type: application/json' -H 'Expect:' --data-binary @- ${server.url}/api/v1/jobs`,
  ]);
  expect(JSON.parse(stdout)).toMatchObject({ status: 413, code: "body_too_large" });
  expect((await fetch(`${server.url}/api/v1/jobs`)).status).toBe(200);
  await closeAll(jobs);
});

test("close ends open streams, and can be called twice", async () => {
  const jobs = await openJobs();
  const server = await serveApi(jobsApi(jobs, { open: true }), { port: 0 });
  const response = await fetch(`${server.url}/api/v1/events`);
  const reading = response.text().catch(() => "cut off");
  await Promise.all([server.close(), server.close()]);
  await reading;
  await expect(fetch(`${server.url}/api/v1/jobs`)).rejects.toThrow("fetch failed");
  await closeAll(jobs);
});

test("options that are wrong are refused", async () => {
  const api = async (): Promise<Response> => new Response();
  await expect(serveApi(api, { prot: 80 } as never)).rejects.toThrow("did you mean port?");
  await expect(serveApi(api, { port: 70_000 })).rejects.toThrow("from 0 to 65535; got 70000");
  for (const unreadTimeout of [0, Number.NaN, "25d", "soon"])
    await expect(serveApi(api, { unreadTimeout } as never)).rejects.toThrow("unreadTimeout is a duration");
});

test("a port that is in use is named in the error", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as { readonly port: number };
  await expect(serveApi(async () => new Response(), { port })).rejects.toThrow(
    `Could not listen on 127.0.0.1:${port}: the port is in use. Choose another port or host.`,
  );
  other.close();
});
