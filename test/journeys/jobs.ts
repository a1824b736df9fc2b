import { z } from "zod";
import { defineJob, type JobDefinition } from "../../src/index.ts";

interface Email {
  readonly to: string;
  readonly subject: string;
  readonly body: string;
}

interface Image {
  readonly image_url: string;
  readonly operations: string[];
  readonly output_path: string;
}

interface Report {
  readonly report_type: string;
  readonly format: "pdf" | "csv";
  readonly date_range: { readonly start: string; readonly end: string };
}

/** The job types of the seeds 000 and 001. Their payloads are those that the seeds print. */
export const email: JobDefinition<Email, Email, { accepted: boolean }> = defineJob({
  type: "email",
  queue: "emails",
  schema: z.object({ to: z.email(), subject: z.string(), body: z.string() }),
  result: z.object({ accepted: z.boolean() }),
});

export const imageProcessing: JobDefinition<Image, Image> = defineJob({
  type: "image_processing",
  queue: "images",
  schema: z.object({ image_url: z.url(), operations: z.array(z.string()), output_path: z.string() }),
});

export const reportGeneration: JobDefinition<Report, Report> = defineJob({
  type: "report_generation",
  queue: "reports",
  schema: z.object({
    report_type: z.string(),
    format: z.enum(["pdf", "csv"]),
    date_range: z.object({ start: z.iso.date(), end: z.iso.date() }),
  }),
});

export const definitions: readonly { readonly type: string }[] = [email, imageProcessing, reportGeneration];

/** The body of "Create Job", as the seeds 000 and 001 print it. */
export const testEmail = {
  type: "email",
  payload: { to: "user@example.com", subject: "Test Email", body: "This is a test" },
  priority: 1,
} as const;
