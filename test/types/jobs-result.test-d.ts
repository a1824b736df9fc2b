import { expectTypeOf, test } from "vitest";
import { z } from "zod";
import { defineJob } from "../../src/index.ts";
import type { Jobs, SentJobHandle } from "../../src/jobs/index.ts";

declare const jobs: Jobs;

const resize = defineJob({
  type: "resize",
  schema: z.object({ width: z.number() }),
  result: z.object({ bytes: z.number() }),
});

test("the result of a job has the type of its definition's result schema", () => {
  const sent = jobs.send(resize.message({ width: 4 }));
  expectTypeOf(sent).toEqualTypeOf<Promise<SentJobHandle<{ bytes: number }>>>();
});

test("the result of a job without a definition has the type that its sender names, or is unknown", () => {
  expectTypeOf(jobs.send({ type: "a", payload: 1 })).toEqualTypeOf<Promise<SentJobHandle>>();
  expectTypeOf(jobs.send<number>({ type: "a", payload: 1 })).toEqualTypeOf<Promise<SentJobHandle<number>>>();
  expectTypeOf(jobs.job<number>("a").result()).toEqualTypeOf<Promise<number>>();
});
