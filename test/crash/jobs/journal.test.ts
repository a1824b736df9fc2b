import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { withBackend } from "../backends.ts";
import { jobTypes, storeFileIn } from "./config.ts";
import { ALL_KEPT, oraclesOf } from "./oracles.ts";
import { Stage } from "./stage.ts";

const TYPES = [jobTypes.broken, jobTypes.relapsing];

test("the ends that a frozen process has kept in an outage of the store change nothing after their jobs were redriven", () =>
  withBackend("directory", async ({ adapter }) => {
    const stage = await Stage.open(adapter);
    try {
      const { jobs, queue, name } = stage;
      const frozen = stage.start({ role: "holder" });
      const ids: Record<string, string> = {};
      for (const type of TYPES) {
        const { id } = await jobs.send({ type, payload: { key: 0 } }, { queue: name });
        ids[`claimed ${type}`] = id;
      }
      await stage.until("two jobs are claimed", async () => (await stage.count("began", frozen)) === 2);
      const outage = lock(stage);
      for (const type of TYPES) {
        const { id } = await queue.send(name, { type, payload: { key: 0 } });
        ids[`unclaimed ${type}`] = id;
      }
      await stage.until("two more jobs run", async () => (await stage.count("began", frozen)) === 4);
      stage.release(frozen);
      await stage.until(
        "all of them are dead letters",
        async () => (await stage.count("acked", frozen)) === 4,
      );
      frozen.child.kill("SIGSTOP");
      outage.end();

      for (const id of Object.values(ids)) stage.mend(id);
      await queue.deadLetters(name).redrive();
      stage.release(stage.start({ role: "holder" }));
      const statusOf = async (key: string): Promise<string | undefined> =>
        (await jobs.get(ids[key] ?? ""))?.status;
      const are = (keys: readonly string[], status: string) => async (): Promise<boolean> =>
        (await Promise.all(keys.map(statusOf))).every((one) => one === status);
      const [broken, relapsing] = TYPES.map((type) => Object.keys(ids).filter((key) => key.endsWith(type)));
      await stage.until("those that were broken are completed", are(broken ?? [], "completed"));
      await stage.until("those that relapse wait for their next run", are(relapsing ?? [], "retrying"));

      frozen.child.kill("SIGCONT");
      const answers = async (): Promise<number> =>
        (await stage.count("overruled", frozen)) +
        (await stage.count("refused", frozen)) +
        (await stage.count("ended", frozen));
      await stage.until("the store has answered all ends that were kept", async () => (await answers()) >= 4);
      const statuses = await Promise.all([...(broken ?? []), ...(relapsing ?? [])].map(statusOf));
      await stage.untilOver();
      const expected = new Map(Object.values(ids).map((id) => [id, "completed" as const]));
      const found = await oraclesOf("a journal after a redrive", stage, expected);
      expect(statuses).toEqual(["completed", "completed", "retrying", "retrying"]);
      expect(found).toEqual(ALL_KEPT);
    } finally {
      await stage.close();
    }
  }));

/** Locks the job store, as a backup or another program may do. */
function lock({ directory }: Stage): { end(): void } {
  const database = new DatabaseSync(storeFileIn(directory), { timeout: 5_000 });
  database.exec("BEGIN EXCLUSIVE");
  return {
    end() {
      database.exec("ROLLBACK");
      database.close();
    },
  };
}
