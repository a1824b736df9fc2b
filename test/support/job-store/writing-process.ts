import { postgresJobStore } from "../../../adapters/postgres/index.ts";
import { redisJobStore } from "../../../adapters/redis/index.ts";
import { sqliteJobStore } from "../../../adapters/sqlite/index.ts";
import type { JobStore } from "../../../src/jobs/store/index.ts";
import { claim, end, jobOf } from "../../unit/sqlite/fixture.ts";

/**
 * A process that writes jobs until it is killed, or until a write fails. Prints a line for each change that was answered.
 * Its arguments are the path or the URL of the store, and the first characters of its ids.
 */
const [path = "", name = "", user] = process.argv.slice(2);

// A user who may not write everything, unlike root.
if (user !== undefined) process.setuid?.(Number(user));
const store = storeAt(path);
try {
  await store.open("ns", "memory");
  console.log("open");
  await Promise.all(Array.from({ length: 20 }, (_, lane) => write(store, `${name}-${lane}`)));
} catch (error) {
  const { code, retryable, message } = error as { code: string; retryable: boolean; message: string };
  console.log(`error ${JSON.stringify({ code, retryable, message })}`);
  await store.close();
}

function storeAt(place: string): JobStore {
  if (place.startsWith("postgres:")) return postgresJobStore({ url: place });
  if (place.startsWith("redis:")) return redisJobStore({ url: place, prefix: process.env["PREFIX"] });
  return sqliteJobStore({ path: place });
}

async function write(to: JobStore, prefix: string): Promise<void> {
  for (let index = 0; ; index += 1) {
    const id = `${prefix}-${index}`;
    const job = jobOf({ createdAt: Date.now(), tags: ["crash"], message: { payload: "x".repeat(500) } });
    await to.apply("ns", [{ kind: "birth", id, job, token: id, dueInMs: 0, takenMs: 60_000 }]);
    console.log(`queued ${id}`);
    await to.apply("ns", [claim(id, id, job)]);
    console.log(`processing ${id}`);
    const [answer] = await to.apply("ns", [end(id, id, { result: { value: id } })]);
    if (answer?.do !== "ended" || answer.verdict !== "recorded") throw new Error(JSON.stringify(answer));
    console.log(`completed ${id}`);
  }
}
