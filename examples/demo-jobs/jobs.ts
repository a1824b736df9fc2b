import { z } from "zod";
import { defineJob } from "../../src/index.ts";

/** The logical names of the queues, by the kind of job. */
export const queues = {
  emails: "emails",
  images: "images",
  reports: "reports",
} as const;

export const email = defineJob({
  type: "email",
  queue: queues.emails,
  schema: z.object({ to: z.string(), subject: z.string(), body: z.string() }),
  result: z.object({ accepted: z.boolean() }),
  maxAttempts: 3,
  backoff: { baseMs: 300, jitter: false },
});

export const imageProcessing = defineJob({
  type: "image_processing",
  queue: queues.images,
  schema: z.object({ image_url: z.url(), operations: z.array(z.string()).min(1), output_path: z.string() }),
  result: z.object({ output_path: z.string() }),
});

export const reportGeneration = defineJob({
  type: "report_generation",
  queue: queues.reports,
  schema: z.object({
    report_type: z.string(),
    format: z.enum(["pdf", "csv"]),
    date_range: z.object({ start: z.iso.date(), end: z.iso.date() }),
  }),
});

export const definitions = [email, imageProcessing, reportGeneration] as const;
