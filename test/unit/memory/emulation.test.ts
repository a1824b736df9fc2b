import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { EmulatedProvider } from "../../../adapters/memory/index.ts";
import { providers } from "../../../adapters/registry.ts";
import { pubsub } from "../../../adapters/pubsub/index.ts";
import { pubsubLimits } from "../../../adapters/pubsub/limits.ts";
import { serviceBus } from "../../../adapters/service-bus/index.ts";
import { serviceBusLimits } from "../../../adapters/service-bus/limits.ts";
import { sqs } from "../../../adapters/sqs/index.ts";
import { sqsLimits } from "../../../adapters/sqs/limits.ts";
import { startServiceBusServer } from "../../../servers/service-bus/index.ts";
import type { Driver, Limits, Outgoing, QueueSpec } from "../../../src/driver/index.ts";
import { clientOptions, startFauxqsHere } from "../../support/sqs-server.ts";
import { grpcError, StubService } from "../pubsub/support.ts";
import { emulated, kinds, never, outgoing } from "./support.ts";

/** An adapter on a local server, and what takes both down. */
interface Adapter {
  readonly driver: Driver;
  close(): Promise<unknown>;
}

async function sqsAdapter(): Promise<Adapter> {
  const server = await startFauxqsHere();
  return { driver: sqs({ ...clientOptions(server), waitSeconds: 20 }), close: () => server.close() };
}

/** Pub/Sub's adapter on a service that remembers subscriptions and accepts every message. */
async function pubsubAdapter(): Promise<Adapter> {
  const stub = await StubService.start();
  const subscriptions = new Map<unknown, object>();
  stub.answers["createSubscription"] = ({ request }) => {
    if (subscriptions.has(request["name"])) return grpcError(6);
    subscriptions.set(request["name"], request);
    return request;
  };
  stub.answers["getSubscription"] = ({ request }) =>
    subscriptions.get(request["subscription"]) ?? grpcError(5);
  stub.answers["publish"] = ({ request }) => ({
    messageIds: (request["messages"] as readonly unknown[]).map((_, index) => String(index)),
  });
  const { publisher, subscriber } = stub.clients;
  return {
    driver: pubsub({ projectId: "p", clients: { publisher, subscriber } }),
    close: async () => stub[Symbol.asyncDispose](),
  };
}

async function serviceBusAdapter(): Promise<Adapter> {
  const server = await startServiceBusServer({});
  const driver = serviceBus({ connectionString: server.connectionString });
  return { driver, close: () => server.stop() };
}

const adapters: Readonly<Record<EmulatedProvider, { limits: Limits; start: () => Promise<Adapter> }>> = {
  sqs: { limits: sqsLimits, start: sqsAdapter },
  pubsub: { limits: pubsubLimits, start: pubsubAdapter },
  "service-bus": { limits: serviceBusLimits, start: serviceBusAdapter },
};

/** Settings that an `ensure` may ask for: usual ones, and ones beyond what a provider has. */
const specs: readonly QueueSpec[] = [
  { ordering: "none", brokerMaxDeliveries: 15, leaseMs: 30_000 },
  { ordering: "none", brokerMaxDeliveries: 1, leaseMs: 1_000 },
  { ordering: "none", brokerMaxDeliveries: 100_000, leaseMs: 600_000 },
  { ordering: "by_key", brokerMaxDeliveries: 30, leaseMs: 45_000 },
];

/** Messages at and beyond the limits that adapters check themselves. Sizes and numbers are checked by the core. */
const messages: Readonly<Record<string, Partial<Outgoing>>> = {
  "a plain message": { attributes: { type: "job" } },
  "an empty body": { body: "" },
  "an empty body with an attribute": { body: "", attributes: { type: "job" } },
  "a body of bytes": { body: Buffer.from("text") },
  "an empty attribute": { attributes: { type: "" } },
  "a control character in the body": { body: "\u0000" },
  "a character outside of XML": { body: "\u{FFFE}" },
  "a control character in an attribute": { attributes: { type: "\u0001" } },
  "an attribute without a name": { attributes: { "": "value" } },
  "a name of 256 bytes": { attributes: { ["n".repeat(256)]: "value" } },
  "a name of 257 bytes": { attributes: { ["n".repeat(257)]: "value" } },
  "a reserved name": { attributes: { googleId: "value" } },
  "64,000 bytes of attributes": { attributes: { x: "v".repeat(31_999), y: "v".repeat(31_999) } },
  "more than 64 KiB of attributes": { attributes: { x: "v".repeat(32_768), y: "v".repeat(32_768) } },
  "an id of 128 characters": { dedupId: "i".repeat(128) },
  "an id of 129 characters": { dedupId: "i".repeat(129) },
};

/** Whether the core refuses a message itself, so that no adapter sees it. */
function isTooMuch({ attributes = {} }: Partial<Outgoing>, limits: Limits): boolean {
  return Object.values(attributes).some((value) => Buffer.byteLength(value) > limits.maxAttributeBytes);
}

describe.each(Object.keys(adapters) as EmulatedProvider[])("memory that emulates %s", (provider) => {
  let adapter: Adapter;
  let emulation: ReturnType<typeof emulated>;
  const ending = provider === "sqs" ? ".fifo" : "";
  beforeAll(async () => {
    adapter = await adapters[provider].start();
    emulation = emulated(provider);
  });
  afterAll(async () => {
    await adapter.driver.close();
    await adapter.close();
  });

  test("an emulation has the limits of its adapter", () => {
    expect(emulation.driver.limits).toEqual(adapters[provider].limits);
    expect(emulation.driver.limits).toEqual(adapter.driver.limits);
    expect(emulation.driver.cancel !== undefined).toBe(adapter.driver.cancel !== undefined);
  });

  test.each(specs)(
    "an emulated queue and its siblings have the traits of the adapter's: %j",
    async (spec) => {
      const name = `queue-${specs.indexOf(spec)}`;
      const queue = spec.ordering === "by_key" ? `${name}${ending}` : name;
      await adapter.driver.admin?.ensure(queue, spec);
      await emulation.driver.admin.ensure(queue, spec);
      const traits = await adapter.driver.describe(queue);
      expect(defined(await emulation.driver.describe(queue))).toEqual(defined(traits));
      const siblings = [traits.deadLetterQueue, traits.delayQueue];
      for (const sibling of traits.deadLetter === "copy" ? siblings : [traits.deadLetterQueue]) {
        const expected = defined(await adapter.driver.describe(sibling));
        expect(defined(await emulation.driver.describe(sibling))).toEqual(expected);
      }
    },
  );

  test("an emulation refuses the messages that its adapter refuses", async () => {
    const queue = "messages";
    const spec: QueueSpec = { ordering: "none", brokerMaxDeliveries: 15, leaseMs: 30_000 };
    await adapter.driver.admin?.ensure(queue, spec);
    await emulation.driver.admin.ensure(queue, spec);
    const outcomes = async (driver: Driver): Promise<object> => {
      const found: Record<string, string> = {};
      for (const [name, message] of Object.entries(messages)) {
        if (isTooMuch(message, driver.limits)) continue;
        const results = await driver.send(queue, [outgoing(message)], never);
        found[name] = kinds(results).join();
      }
      return found;
    };
    expect(await outcomes(emulation.driver)).toEqual(await outcomes(adapter.driver));
  });

  test("an emulation refuses an ordering that a queue's name, or the queue itself, does not have", async () => {
    const spec = { brokerMaxDeliveries: 15, leaseMs: 30_000 };
    const asks: readonly (readonly [string, QueueSpec])[] = [
      ["fixed", { ...spec, ordering: "none" }],
      ["fixed", { ...spec, ordering: "by_key" }],
      ["fixed.fifo", { ...spec, ordering: "none" }],
    ];
    for (const [queue, asked] of asks) {
      const name = queue.replace("fixed", `fixed-${provider}`);
      const outcome = async (driver: Driver): Promise<string> => {
        try {
          await driver.admin?.ensure(name, asked);
          return "ok";
        } catch (error) {
          return driver.classify(error);
        }
      };
      expect([name, await outcome(emulation.driver)]).toEqual([name, await outcome(adapter.driver)]);
    }
  });

  test("an emulation refuses a queue that does not exist", async () => {
    const { driver } = emulated(provider);
    await expect(driver.describe("missing")).rejects.toMatchObject({
      kind: "not_found",
      message: expect.stringContaining("missing"),
    });
  });
});

test.each(Object.keys(adapters))("the configuration of memory accepts the emulation of %s", (emulate) => {
  expect(providers.memory.schema.safeParse({ provider: "memory", emulate }).success).toBe(true);
});

/** The fields that have a value: an adapter may leave one out that the emulation sets to undefined. */
function defined(traits: object): object {
  return Object.fromEntries(Object.entries(traits).filter(([, value]) => value !== undefined));
}
