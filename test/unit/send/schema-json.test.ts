import { type } from "arktype";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { defineJob, type JobDefinition } from "../../../src/worker/job.ts";
import { QueueFixture } from "../support.ts";

const at = new Date(0);

describe("a schema that accepts a payload, and not its JSON", () => {
  test.each<[string, () => JobDefinition<any>]>([
    ["zod", () => defineJob({ type: "remind", schema: z.object({ at: z.date() }) })],
    ["valibot", () => defineJob({ type: "remind", schema: v.object({ at: v.date() }) })],
    ["arktype", () => defineJob({ type: "remind", schema: type({ at: "Date" }) })],
    [
      "zod, asynchronous",
      () => defineJob({ type: "remind", schema: z.object({ at: z.date().refine(async () => true) }) }),
    ],
  ])(
    "refuses the first send with %s, and each later one, with the advice to accept a string",
    async (_, define) => {
      const remind = define();
      const { queue } = new QueueFixture();

      for (let send = 0; send < 2; send += 1)
        await expect(queue.send("jobs", remind.message({ at }))).rejects.toMatchObject({
          code: "invalid_payload",
          message: expect.stringMatching(/as JSON it does not.*: at: .*z\.coerce\.date\(\)/) as string,
        });
      const outcomes = await queue.sendBatch("jobs", [remind.message({ at })]);
      expect(outcomes).toMatchObject([{ ok: false, error: { code: "invalid_payload" } }]);
    },
  );

  test("names another change of JSON without that advice", async () => {
    const { queue } = new QueueFixture();
    const schema = z.object({ link: z.instanceof(URL) });
    const job = defineJob({ type: "visit", schema });

    const sent = queue.send("jobs", job.message({ link: new URL("https://example.com") }));

    await expect(sent).rejects.toThrow(/link: .*Declare the payload as JSON carries it\.$/);
    await expect(sent).rejects.not.toThrow("coerce");
  });
});

test("a schema that coerces dates is sent", async () => {
  const { queue } = new QueueFixture();
  const remind = defineJob({ type: "remind", schema: z.object({ at: z.coerce.date() }) });

  await expect(queue.send("jobs", remind.message({ at }))).resolves.toMatchObject({});
});

test("the JSON of a payload is validated once for each schema, and the payload each time", async () => {
  const seen: unknown[] = [];
  const counting = (): JobDefinition<string> =>
    defineJob({ type: "count", schema: z.string().refine((value) => seen.push(value) > 0) });
  const [one, other] = [counting(), counting()];
  const { queue } = new QueueFixture();

  for (const text of ["a", "b"]) await queue.send("jobs", one.message(text));
  await queue.send("jobs", other.message("c"));
  await queue.send("jobs", one.message("d"));

  expect(seen).toEqual(["a", "a", "b", "c", "c", "d"]);
});

test("a payload that does not fit its schema is refused for that reason", async () => {
  const { queue } = new QueueFixture();
  const job = defineJob({ type: "remind", schema: z.object({ at: z.date() }) });

  await expect(queue.send("jobs", job.message({ at: "noon" } as never))).rejects.toThrow(
    "does not fit its schema: at",
  );
});
