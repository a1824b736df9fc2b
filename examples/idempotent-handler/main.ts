// Shows: a handler that may run twice and has its effect once: a job's id is noted in the transaction of its effect.
// Run:   npx node examples/idempotent-handler/main.ts
// Ends:  when the job is done.
import { DatabaseSync } from "node:sqlite";
import { openQueue, Worker } from "queueport";

// Any database with transactions and unique keys will do.
const db = new DatabaseSync(":memory:");
db.exec(`
  CREATE TABLE accounts (name TEXT PRIMARY KEY, cents INTEGER NOT NULL);
  CREATE TABLE done_jobs (id TEXT PRIMARY KEY);
  INSERT INTO accounts VALUES ('ada', 0);
`);

/** Runs `effect` unless this job has had its effect. Both rows are written, or neither is. */
function onceFor(jobId: string, effect: () => void): boolean {
  db.exec("BEGIN IMMEDIATE");
  try {
    const { changes } = db.prepare("INSERT INTO done_jobs VALUES (?) ON CONFLICT DO NOTHING").run(jobId);
    if (changes === 1) effect();
    db.exec("COMMIT");
    return changes === 1;
  } catch (error) {
    db.exec("ROLLBACK");
    throw error;
  }
}

const queue = await openQueue({ provider: "memory" });
const worker = new Worker(queue, { backoff: { baseMs: 50 } });
worker.register<{ account: string; cents: number }>("deposit", ({ id, payload }, { attempt }) => {
  const isFirst = onceFor(id, () => {
    db.prepare("UPDATE accounts SET cents = cents + ? WHERE name = ?").run(payload.cents, payload.account);
  });
  console.log(`attempt ${attempt}: ${isFirst ? "deposited" : "already deposited"}`);
  // Delivery is at least once: a process may fail after its commit and before its message is acknowledged.
  if (attempt === 1) throw new Error("the process failed after the commit");
});
worker.once("completed", () => void worker.stop());

await queue.send("payments", { type: "deposit", payload: { account: "ada", cents: 5_000 } });
await worker.run("payments"); // works until stop
await queue.close();

const ada = db.prepare("SELECT cents FROM accounts WHERE name = 'ada'").get() as { cents: number };
console.log(`balance: ${ada.cents} cents`);
db.close();
