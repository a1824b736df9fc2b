import { describe, expect, it } from "vitest";
import { PermanentError } from "../../../../src/errors.ts";
import { EMPTY, JobsFixture } from "./fixture.ts";

describe("an id", () => {
  it("that two queues use runs in both, and no message is acknowledged unseen (H6)", async () => {
    const fixture = new JobsFixture();
    const seen: string[] = [];
    fixture.worker.register("t", (_, { queue, isTracked }) => void seen.push(`${queue} ${isTracked}`));
    const working = fixture.worker.run(["jobs", "invoices"]);
    await fixture.clock.settle();
    await fixture.send({ id: "order-42" });
    await fixture.queue.send("invoices", { id: "order-42", type: "t", payload: {} });
    await fixture.clock.settle();
    expect(seen).toEqual(["jobs true", "invoices false"]);
    expect(fixture.process.warnings).toEqual(["id_conflict"]);
    expect((await fixture.job("order-42"))?.row.queue).toBe("jobs");
    await fixture.clock.until(fixture.worker.stop());
    await working;
  });

  it("that a foreign producer uses for each message runs each of them (H7)", async () => {
    const fixture = new JobsFixture();
    const seen: unknown[] = [];
    fixture.worker.register("t", ({ payload }) => void seen.push(payload));
    await fixture.run();
    for (const n of [1, 2, 2]) {
      await fixture.plant("jobs", { body: JSON.stringify({ id: "user-7", type: "t", payload: n }) });
      await fixture.clock.settle();
    }
    expect(seen).toEqual([1, 2, 2]);
    expect(fixture.process.warnings).toEqual(["id_reused"]);
    expect(fixture.events.of("not_run")).toEqual([]);
    // Without a time of creation, the same id with the same payload is the same job.
    await fixture.plant("jobs", { body: JSON.stringify({ id: "user-7", type: "t", payload: 1 }) });
    await fixture.clock.settle();
    expect(fixture.events.of("not_run")).toHaveLength(1);
  });

  it("does not change the record of another job that has it", async () => {
    const fixture = new JobsFixture();
    fixture.worker.register("t", ({ payload }) => {
      if ((payload as { n: number }).n === 2) throw new PermanentError("no");
    });
    await fixture.run();
    await fixture.send({ id: "a", payload: { n: 1 } });
    await fixture.clock.advance("1s");
    await fixture.send({ id: "a", payload: { n: 2 } });
    expect(await fixture.status("a")).toBe("completed");
    expect(await fixture.counts()).toEqual([0, 0, 0, 1]);
  });
});

describe("a redrive", () => {
  it("runs a failed job again as the next generation", async () => {
    const fixture = new JobsFixture();
    let isBad = true;
    const attempts: number[] = [];
    fixture.worker.register("t", (_, { attempt }) => {
      attempts.push(attempt);
      if (isBad) throw new PermanentError("no");
    });
    await fixture.run();
    const id = await fixture.send();
    isBad = false;
    await fixture.clock.until(fixture.queue.deadLetters("jobs").redrive());
    await fixture.clock.settle();
    expect(attempts).toEqual([1, 1]);
    expect((await fixture.job(id))?.row).toMatchObject({ status: "completed", generation: 1, runs: 1 });
    expect(await fixture.counts()).toEqual(EMPTY);
  });

  it("is acknowledged without a run if its job has completed meanwhile (H32)", async () => {
    const fixture = new JobsFixture();
    let runs = 0;
    fixture.worker.register("t", () => void (runs += 1));
    await fixture.run();
    const createdAt = fixture.clock.now();
    const id = await fixture.send();
    await fixture.send({ id }, { createdAt, system: { qp_redrive: 1 } });
    expect(runs).toBe(1);
    expect(await fixture.status(id)).toBe("completed");
  });

  it("by another tool, which moves the message back as it is, runs the job (H24)", async () => {
    const fixture = new JobsFixture();
    let isBad = true;
    let runs = 0;
    fixture.worker.register("t", () => {
      runs += 1;
      if (isBad) throw new PermanentError("no");
    });
    await fixture.run();
    const id = await fixture.send();
    const [dead] = await fixture.peek("jobs-dlq");
    isBad = false;
    await fixture.plant("jobs", { body: dead?.body ?? "", attributes: dead?.attributes ?? {} });
    await fixture.clock.settle();
    expect(runs).toBe(2);
    expect((await fixture.job(id))?.row).toMatchObject({ status: "completed", generation: 1 });
  });
});
