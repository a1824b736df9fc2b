import { expect, test } from "vitest";
import { memory } from "../../../adapters/memory/index.ts";
import { pubsub } from "../../../adapters/pubsub/index.ts";
import { serviceBus } from "../../../adapters/service-bus/index.ts";
import { sqs } from "../../../adapters/sqs/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import { driverScope } from "../../../src/driver/scope.ts";
import type { Driver } from "../../../src/driver/contract.ts";
import type { ManagedQueue } from "../../../src/queue/managed-receive.ts";

test.each([
  ["sqs", undefined, undefined, "sqs"],
  ["sqs", "eu-west-1", undefined, "sqs:eu-west-1"],
  ["sqs", undefined, "prod-", "sqs::prod-"],
  ["sqs", "http://user:secret@localhost:4566/path?key=secret", "a-", "sqs:localhost:4566:a-"],
])("the scope of %s at %s with the prefix %s is %s", (provider, place, prefix, scope) => {
  expect(driverScope(provider, [place], prefix)).toBe(scope);
});

const key = "SharedAccessKeyName=all;SharedAccessKey=c2VjcmV0";

test.each<[string, () => Driver, string]>([
  ["memory", () => memory(), "memory"],
  ["SQS by region", () => sqs({ region: "eu-west-1", prefix: "prod-" }), "sqs:eu-west-1:prod-"],
  [
    "SQS by endpoint",
    () => sqs({ region: "eu-west-1", endpoint: "http://localhost:9324" }),
    "sqs:localhost:9324/eu-west-1",
  ],
  ["Pub/Sub by project", () => pubsub({ projectId: "acme", prefix: "prod-" }), "pubsub:acme:prod-"],
  [
    "the Pub/Sub emulator",
    () => pubsub({ projectId: "acme", emulatorHost: "localhost:8085" }),
    "pubsub:localhost:8085/acme",
  ],
  [
    "Service Bus",
    () =>
      serviceBus({ connectionString: `Endpoint=sb://acme.servicebus.windows.net/;${key}`, prefix: "prod-" }),
    "service-bus:acme.servicebus.windows.net:prod-",
  ],
])("a queue on %s says where its queues live, without a secret", async (_, open, scope) => {
  const queue = createQueue(open()) as ManagedQueue;
  expect(queue.scope).toBe(scope);
  await queue.close();
});

test("a queue on a driver without a scope has the name of the provider", () => {
  const driver = memory();
  const plain = new Proxy(driver, {
    get: (target, name) => (name === "scope" ? undefined : Reflect.get(target, name)),
  });
  expect((createQueue(plain) as ManagedQueue).scope).toBe("memory");
});
