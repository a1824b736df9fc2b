import { ListQueuesCommand, SQSClient } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { classify, driverError, entryError } from "../../../adapters/sqs/errors.ts";
import { HttpProxy } from "../../support/proxy/http-proxy.ts";
import { clientOptions } from "../../support/sqs-server.ts";

const HOUR = 3_600_000;
let proxy: HttpProxy;
beforeAll(async () => {
  // No server is behind the proxy; it answers every request itself.
  proxy = await HttpProxy.start({ port: 1 });
});
afterAll(() => proxy.close());

/** The error that the SDK throws for an answer of SQS. */
async function thrownFor(status: number, code: string, headers?: Record<string, string>): Promise<unknown> {
  const rule = proxy.on({}, { kind: "answer", status, code, headers });
  const { endpoint, region, credentials } = clientOptions(proxy);
  const client = new SQSClient({ endpoint, region, credentials, maxAttempts: 1 } as object);
  try {
    return await client.send(new ListQueuesCommand({}));
  } catch (error) {
    return error;
  } finally {
    rule.remove();
    client.destroy();
  }
}

test.each([
  [400, "QueueDoesNotExist", "not_found"],
  [400, "AWS.SimpleQueueService.NonExistentQueue", "not_found"],
  [400, "OverLimit", "throttled"],
  [400, "RequestThrottled", "throttled"],
  [400, "ThrottledException", "throttled"],
  [400, "ThrottlingException", "throttled"],
  [400, "KMS.ThrottlingException", "throttled"],
  [429, "Whatever", "throttled"],
  [400, "AccessDeniedException", "auth"],
  [403, "AccessDenied", "auth"],
  [403, "InvalidClientTokenId", "auth"],
  [403, "SomethingNew", "auth"],
  [400, "ReceiptHandleIsInvalid", "lease_lost"],
  [400, "BatchRequestTooLong", "too_large"],
  [400, "QueueDeletedRecently", "transient"],
  [503, "ServiceUnavailable", "transient"],
  [500, "InternalError", "ambiguous"],
  [400, "InvalidMessageContents", "permanent"],
] as const)("an error with status %i and code %s is classified as %s", async (status, code, kind) => {
  expect(classify(await thrownFor(status, code))).toBe(kind);
});

describe("a call that is denied", () => {
  test("the error of a denied call names the missing permission", async () => {
    const { kind, message } = driverError(await thrownFor(400, "AccessDeniedException"), "ReceiveMessage");
    expect(kind).toBe("auth");
    expect(message).toMatch(/^sqs:ReceiveMessage was denied; allow it in the policy/);
  });

  test.each([
    ["CredentialsProviderError", /^there are no credentials: set AWS_PROFILE, or /],
    ["ExpiredTokenException", /^the credentials have expired: renew them/],
  ])("the error %s names what is missing, and no permission", (name, sentence) => {
    const { kind, message } = driverError(Object.assign(new Error("none"), { name }), "GetQueueUrl");
    expect(kind).toBe("auth");
    expect(message).toMatch(sentence);
    expect(message).not.toMatch(/denied|sqs:/);
  });

  test("the error of a denied KMS key names the permission of KMS", async () => {
    const { kind, message } = driverError(await thrownFor(400, "KmsAccessDenied"), "ReceiveMessage");
    expect(kind).toBe("auth");
    expect(message).toMatch(/^kms:Decrypt/);
  });

  test("the error of a denied entry of a batch names the missing permission", () => {
    const { kind, message } = entryError({ Code: "AccessDenied", SenderFault: true }, "SendMessage");
    expect(kind).toBe("auth");
    expect(message).toMatch(/^sqs:SendMessage was denied/);
  });
});

test.each(["InvalidSignatureException", "RequestExpired", "RequestInTheFuture"])(
  "the clock-skew error %s with status 400 is transient if the SDK has corrected the skew",
  async (code) => {
    const date = new Date(Date.now() + 2 * HOUR).toUTCString();
    expect(classify(await thrownFor(400, code, { date }))).toBe("transient");
    expect(classify(await thrownFor(400, code))).toBe("auth");
  },
);

test("missing credentials are transient if requests were answered before", async () => {
  const expired = await thrownFor(400, "ExpiredTokenException");
  expect(driverError(expired, "DeleteMessage").kind).toBe("auth");
  expect(driverError(expired, "DeleteMessage", true).kind).toBe("transient");
  expect(driverError(await thrownFor(403, "AccessDenied"), "DeleteMessage", true).kind).toBe("auth");
});

test("a signature refused because of clock skew is transient if the SDK has corrected the skew", async () => {
  const date = new Date(Date.now() + 2 * HOUR).toUTCString();
  const skewed = await thrownFor(403, "InvalidSignatureException", { date });
  expect(classify(skewed)).toBe("transient");
  expect(classify(await thrownFor(403, "InvalidSignatureException"))).toBe("auth");
});

test("a missing region is permanent", async () => {
  const { AWS_REGION, AWS_DEFAULT_REGION } = process.env;
  delete process.env["AWS_REGION"];
  delete process.env["AWS_DEFAULT_REGION"];
  const client = new SQSClient({ endpoint: proxy.endpoint, maxAttempts: 1 });
  const error = await client.send(new ListQueuesCommand({})).catch((thrown: unknown) => thrown);
  Object.assign(process.env, { AWS_REGION, AWS_DEFAULT_REGION });
  const { kind, message } = driverError(error, "GetQueueUrl");
  expect([kind, message]).toEqual([
    "permanent",
    "GetQueueUrl: Region is missing: give region, or set AWS_REGION",
  ]);
});

const EXPIRED = "Value AQEB for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.";
const UNAVAILABLE =
  "Value AQEB for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.";

test.each([
  [{ Code: "ReceiptHandleIsInvalid", SenderFault: true }, "lease_lost"],
  [{ Code: "InvalidParameterValue", Message: EXPIRED, SenderFault: true }, "lease_lost"],
  [{ Code: "InvalidParameterValue", Message: UNAVAILABLE, SenderFault: true }, "lease_lost"],
  [{ Code: "MessageNotInflight", SenderFault: true }, "lease_lost"],
  [{ Code: "AWS.SimpleQueueService.MessageNotInflight", SenderFault: true }, "lease_lost"],
  [
    {
      Code: "InvalidParameterValue",
      Message: "Total VisibilityTimeout is beyond the limit",
      SenderFault: true,
    },
    "permanent",
  ],
  [{ Code: "InternalError", SenderFault: false }, "transient"],
  [{ Code: "InvalidMessageContents", SenderFault: true }, "permanent"],
  [undefined, "ambiguous"],
] as const)("an entry %o is %s", (entry, kind) => {
  expect(entryError(entry, "DeleteMessage").kind).toBe(kind);
});
