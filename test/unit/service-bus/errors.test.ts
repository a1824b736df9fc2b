import { ServiceBusError } from "@azure/service-bus";
import { expect, test } from "vitest";
import { classify, driverError } from "../../../adapters/service-bus/errors.ts";
import { DriverError } from "../../../src/driver/index.ts";

test.each([
  [new ServiceBusError("gone", "MessagingEntityNotFound"), "not_found"],
  [new ServiceBusError("lost", "MessageLockLost"), "lease_lost"],
  [new ServiceBusError("lost", "SessionLockLost"), "lease_lost"],
  [new ServiceBusError("large", "MessageSizeExceeded"), "too_large"],
  [new ServiceBusError("full", "QuotaExceeded"), "full"],
  [new ServiceBusError("busy", "ServiceBusy"), "throttled"],
  [new ServiceBusError("late", "ServiceTimeout"), "ambiguous"],
  [new ServiceBusError("denied", "UnauthorizedAccess"), "auth"],
  [new ServiceBusError("InvalidOperationError: no", "GeneralError"), "permanent"],
  [new ServiceBusError("ECONNREFUSED: connect ECONNREFUSED", "GeneralError"), "transient"],
  [new ServiceBusError("DetachForcedError: closed", "GeneralError"), "ambiguous"],
  [Object.assign(new Error("no such queue"), { statusCode: 404 }), "not_found"],
  [Object.assign(new Error("not you"), { statusCode: 401 }), "auth"],
  [Object.assign(new Error("slow down"), { statusCode: 429 }), "throttled"],
  [Object.assign(new Error("broken"), { statusCode: 500 }), "ambiguous"],
  [new AggregateError([new ServiceBusError("busy", "ServiceBusy")]), "throttled"],
  [new TypeError("not a date"), "permanent"],
  [Object.assign(new Error("stopped"), { name: "AbortError" }), "ambiguous"],
  ["a string", "ambiguous"],
  [new DriverError("full", "already sorted"), "full"],
])("the error %s has the kind %s", (error, kind) => {
  expect(classify(error)).toBe(kind);
});

test("an error about missing credentials says how to sign in, and names no claim", () => {
  const none = Object.assign(new Error("none"), { name: "CredentialUnavailableError" });
  const { kind, message } = driverError(none, "Sending", "Send");
  expect(kind).toBe("auth");
  expect(message).toMatch(/^there are no credentials: set a connectionString, /);
  expect(message).not.toMatch(/denied|claim/);
});

test("an error about a denied request names the missing claim and role", () => {
  const error = driverError(new ServiceBusError("401", "UnauthorizedAccess"), "Sending", "Send");
  expect(error.message).toBe(
    "Sending was denied; it needs the claim Send (Azure Service Bus Data Sender) on this queue (401)",
  );
});
