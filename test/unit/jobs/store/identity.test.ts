import { describe, expect, test } from "vitest";
import { completed, facts, failed, ID, LEASE_MS, Record, running } from "./record.ts";

const other = { stamp: "stamp-2", message: { payload: { to: "grace" } } };

describe("one id in two queues", () => {
  test("runs the second message untracked, also if the first is completed", () => {
    const record = completed();
    const before = record.row;
    expect(record.claim("b", { queue: "invoices" })).toEqual({ do: "foreign", why: "id_conflict" });
    expect(record.claim("c", { type: "invoice" })).toEqual({ do: "foreign", why: "id_conflict" });
    expect(record.row).toBe(before);
  });

  test("runs the second message untracked while the first runs, waits or has failed", () => {
    for (const record of [running(), failed(), new Record()]) {
      if (record.row === undefined) record.insert();
      expect(record.claim("b", { queue: "invoices" })).toEqual({ do: "foreign", why: "id_conflict" });
    }
  });

  test("never cancels the second message for the first", () => {
    const record = new Record();
    record.insert();
    record.cancel();
    expect(record.claim("b", { queue: "invoices" })).toEqual({ do: "foreign", why: "id_conflict" });
  });

  test("is a conflict for a birth", () => {
    const record = completed();
    expect(record.birth({ job: facts({ queue: "invoices", hash: "hash-1" }) })).toMatchObject({
      outcome: "conflict",
    });
  });
});

describe("an id that a producer uses again for another message", () => {
  test("never refuses the later message for the earlier one", () => {
    const record = completed();
    expect(record.claim("b", { message: other })).toEqual({ do: "foreign", why: "id_reused" });
  });

  test("lets a later insert change nothing of the earlier job", () => {
    const record = completed();
    const before = record.row;
    expect(record.insert({ ...other, tags: ["other"], tenant: "acme" })).toMatchObject({ ok: false });
    expect(record.row).toBe(before);
  });

  test("never completes the earlier job by the end of the later message, which ran while the store was down", () => {
    const record = running();
    const answer = record.end("b", "completed", { isUntracked: true, message: other });
    expect(answer.verdict).toBe("unknown");
    expect(record.row).toMatchObject({ status: "processing", hold: { token: "a" } });
  });

  test("never fails the earlier job by a refusal of the later message", () => {
    const record = new Record();
    record.insert();
    expect(record.end(undefined, "failed", { message: other }).verdict).toBe("unknown");
    expect(record.end(undefined, "failed", { message: { queue: "invoices" } }).verdict).toBe("unknown");
    expect(record.row?.status).toBe("queued");
  });

  test("does not give the record of a waiting job to a redrive of the other message", () => {
    for (const outcome of ["retrying", "released"] as const) {
      const record = running();
      record.end("a", outcome);
      const before = record.row;
      expect(record.claim("b", { message: other, redrive: 1 })).toEqual({ do: "foreign", why: "id_reused" });
      expect(record.row).toBe(before);
    }
  });

  test("does not let a redrive of the other message wait for the run of the first", () => {
    expect(running().claim("b", { message: other, redrive: 1 })).toEqual({ do: "foreign", why: "id_reused" });
  });
});

describe("an end without a claim", () => {
  test("changes nothing if it does not say of which message it is", () => {
    const record = running();
    const before = record.row;
    expect(record.end("b", "completed", { isUntracked: true, seed: undefined }).verdict).toBe("overruled");
    expect(record.row).toBe(before);
  });

  test("is matched to a job that was sent without a stamp", () => {
    const record = new Record();
    record.birth({ job: facts({ hash: "hash-1", stamp: undefined }) });
    expect(record.end("b", "completed", { isUntracked: true })).toMatchObject({ verdict: "recorded" });
    expect(record.row).toMatchObject({ status: "completed", stamp: "stamp-1" });
  });
});

describe("a redrive into another queue", () => {
  test("takes its record along", () => {
    const record = failed();
    expect(record.claim("b", { queue: "emails-2", redrive: 1 })).toMatchObject({ do: "run", generation: 1 });
    expect(record.row).toMatchObject({ queue: "emails-2", generation: 1 });
  });

  test("takes the record along of a job whose worker was killed at its last attempt", () => {
    const record = running();
    record.wait(LEASE_MS);
    expect(record.claim("b", { queue: "emails-2", redrive: 1 })).toMatchObject({ do: "run", generation: 1 });
  });

  test("runs untracked if the job is completed, since it may be that of another subscription", () => {
    expect(completed().claim("b", { queue: "emails-2", redrive: 1 })).toMatchObject({ do: "foreign" });
  });
});

test("an id that nobody knows is cancelled in advance for one message alone", () => {
  const record = new Record();
  record.cancel();
  expect(record.claim("a")).toEqual({ do: "cancelled", generation: 0 });
  expect(record.row).toMatchObject({ id: ID, type: "email", stamp: "stamp-1", status: "cancelled" });
  expect(record.claim("b", { message: other })).toEqual({ do: "foreign", why: "id_reused" });
});
