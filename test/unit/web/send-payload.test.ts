import { describe, expect, test } from "vitest";
import { z } from "zod";
import { defineJob } from "../../../src/worker/job.ts";
import { ApiFixture, email } from "./fixture.ts";

const job = { type: "email", payload: { to: "user@example.com" } };

describe("POST /jobs with a payload that does not fit its schema", () => {
  test("is refused, whichever way the job is sent", async () => {
    await using fixture = await ApiFixture.open();
    for (const extra of [{}, { id: "order-1" }, { delay_ms: 1_000 }]) {
      const { status, body } = await fixture.post("/jobs", { type: "email", payload: { to: 5 }, ...extra });
      expect({ status, code: body.code }).toEqual({ status: 422, code: "invalid_payload" });
      expect(body.detail).toContain("to: ");
      expect(body.errors).toEqual([
        {
          detail: "payload.to: Invalid input: expected string, received number",
          pointer: "/payload/to",
        },
      ]);
    }
  });

  test("names each place, also within an array of jobs", async () => {
    const order = defineJob({
      type: "order",
      queue: "orders",
      schema: z.object({ "a/b~c": z.string(), items: z.array(z.object({ sku: z.string() })) }),
    });
    await using fixture = await ApiFixture.open({ jobs: { definitions: [email, order] } });
    const wrong = { type: "order", payload: { "a/b~c": 1, items: [{ sku: "x" }, { sku: 2 }] } };
    const one = await fixture.post("/jobs", wrong);
    const pointers = (problem: { errors: { pointer: string }[] }): string[] =>
      problem.errors.map(({ pointer }) => pointer);
    expect(pointers(one.body)).toEqual(["/payload/a~1b~0c", "/payload/items/1/sku"]);
    const whole = await fixture.post("/jobs", { type: "order", payload: "text" });
    expect(pointers(whole.body)).toEqual(["/payload"]);
    const many = await fixture.post("/jobs", [job, wrong]);
    expect(many.body.outcomes.map(({ status }: { status: number }) => status)).toEqual([201, 422]);
    expect(pointers(many.body.outcomes[1].problem)).toEqual(["/1/payload/a~1b~0c", "/1/payload/items/1/sku"]);
  });

  test("names at most 100 places, and counts the others", async () => {
    const list = defineJob({ type: "list", queue: "lists", schema: z.array(z.string()) });
    await using fixture = await ApiFixture.open({ jobs: { definitions: [list] } });
    const { status, body } = await fixture.post("/jobs", { type: "list", payload: Array(50_000).fill(1) });
    expect(status).toBe(422);
    expect(body.errors).toHaveLength(100);
    expect(body.detail).toContain("; and 49995 more.");
  });
});
