import { expect, test } from "vitest";
import { classify, driverError, failuresById } from "../../../adapters/pubsub/errors.ts";
import { DriverError } from "../../../src/driver/index.ts";

function grpc(code: number, message: string = "", more: object = {}): Error {
  return Object.assign(new Error(message), { code, ...more });
}

test.each([
  ["cancelled", 1, "ambiguous"],
  ["unknown", 2, "ambiguous"],
  ["invalid argument", 3, "permanent"],
  ["deadline exceeded", 4, "ambiguous"],
  ["not found", 5, "not_found"],
  ["permission denied", 7, "auth"],
  ["resource exhausted", 8, "throttled"],
  ["failed precondition", 9, "permanent"],
  ["aborted", 10, "transient"],
  ["internal", 13, "ambiguous"],
  ["unavailable", 14, "ambiguous"],
  ["unauthenticated", 16, "auth"],
  ["a code of the future", 99, "ambiguous"],
])("the gRPC status %s, %i, is classified as %s", (_, code, kind) => {
  expect(classify(grpc(code))).toBe(kind);
});

test.each([
  "No connection established. Last error: connect ECONNREFUSED 127.0.0.1:1. Resolution note: ",
  "Name resolution failed for target dns:nowhere.invalid:443",
])("an error before there was a connection is transient: %s", (message) => {
  expect(classify(grpc(14, message))).toBe("transient");
});

test("an error of a connection that was cut is ambiguous", () => {
  expect(classify(grpc(14, "Connection dropped"))).toBe("ambiguous");
  expect(classify(grpc(14, "read ECONNRESET"))).toBe("ambiguous");
});

test("a message that is too large is too_large, unlike an invalid argument or a quota", () => {
  expect(classify(grpc(3, "The value for message_size is too large. Limit: 10000000"))).toBe("too_large");
  expect(classify(grpc(8, "Received message larger than max (20 vs. 10)"))).toBe("too_large");
  expect(classify(grpc(8, "Quota exceeded for quota metric"))).toBe("throttled");
});

test("missing credentials are auth, whether or not the error has a status", () => {
  expect(classify(new Error("Could not load the default credentials. Browse to …"))).toBe("auth");
  expect(classify(grpc(14, "Getting metadata from plugin failed with error: invalid_grant"))).toBe("auth");
});

test("the string that a closed client rejects with is permanent", () => {
  expect(classify("The client has already been closed.")).toBe("permanent");
});

test("a driver error keeps its kind, and an unknown error is ambiguous", () => {
  expect(classify(new DriverError("full", ""))).toBe("full");
  expect(classify(undefined)).toBe("ambiguous");
  expect(classify(new TypeError("?"))).toBe("ambiguous");
});

test("the error of a denied call names the missing permission", () => {
  expect(driverError(grpc(7, "7 PERMISSION_DENIED"), "pubsub.topics.publish").message).toContain(
    "pubsub.topics.publish was denied; grant it",
  );
});

test.each([
  ["Could not load the default credentials.", /^there are no valid credentials: set keyFilename or /],
  ["Unable to detect a Project Id in the current environment.", /^there is no project: set projectId, or /],
])("the error %s names what is missing, and no permission", (text, sentence) => {
  const { kind, message } = driverError(new Error(text), "pubsub.subscriptions.get");
  expect(kind).toBe("auth");
  expect(message).toMatch(sentence);
  expect(message).not.toMatch(/denied|pubsub\./);
});

test("the ids that an exactly-once subscription reports as failed have their reasons", () => {
  const error = grpc(3, "", {
    reason: "EXACTLY_ONCE_ACKID_FAILURE",
    errorInfoMetadata: {
      a: "PERMANENT_FAILURE_INVALID_ACK_ID",
      b: "TRANSIENT_FAILURE_UNORDERED_ACK_ID",
      c: "PERMANENT_FAILURE_OTHER",
      service: "pubsub.googleapis.com",
    },
  });
  const failures = failuresById(error, "pubsub.subscriptions.consume");
  expect(Array.from(failures, ([id, { kind }]) => [id, kind])).toEqual([
    ["a", "lease_lost"],
    ["b", "transient"],
    ["c", "permanent"],
  ]);
  expect(failuresById(grpc(14), "").size).toBe(0);
});
