import { expect, test } from "vitest";
import { jobNames } from "../../../cmd/make-job/templates.ts";

test.each([
  ["ProcessPayment", "ProcessPayment", "processPayment", "process_payment", "process-payment"],
  ["ProcessPaymentJob", "ProcessPayment", "processPayment", "process_payment", "process-payment"],
  ["send-welcome_email", "SendWelcomeEmail", "sendWelcomeEmail", "send_welcome_email", "send-welcome-email"],
  ["syncS3Bucket", "SyncS3Bucket", "syncS3Bucket", "sync_s3_bucket", "sync-s3-bucket"],
  ["HTTPRequest", "HttpRequest", "httpRequest", "http_request", "http-request"],
  ["job", "Job", "job", "job", "job"],
])("%s has its names in every notation", (given, pascal, camel, type, kebab) => {
  expect(jobNames(given)).toEqual({ pascal, camel, handled: `${camel}Job`, type, kebab });
});

test.each(["Delete", "Import", "Test", "Queue", "Z", "RecordJobs"])(
  "%s is reserved, so the variable gets the suffix Job",
  (given) => {
    const { camel, handled } = jobNames(given) ?? {};
    expect(camel).toMatch(/Job$/);
    expect(handled).toBe(`${camel}Handled`);
  },
);

test.each(["", "1st", "../evil", "a b", "ü"])("%j is refused as a name", (given) => {
  expect(jobNames(given)).toBeUndefined();
});
