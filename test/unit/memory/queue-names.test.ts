import { describe, expect, test } from "vitest";
import { type EmulatedProvider, memory } from "../../../adapters/memory/index.ts";
import * as pubsub from "../../../adapters/pubsub/limits.ts";
import * as serviceBus from "../../../adapters/service-bus/limits.ts";
import * as sqs from "../../../adapters/sqs/limits.ts";

const rules: Readonly<Record<EmulatedProvider, RegExp>> = {
  sqs: sqs.QUEUE_NAME,
  pubsub: pubsub.QUEUE_NAME,
  "service-bus": serviceBus.QUEUE_NAME,
};
const spec = { brokerMaxDeliveries: 15, leaseMs: 30_000 };

describe.each<[EmulatedProvider, readonly string[], readonly string[]]>([
  [
    "sqs",
    ["a", "a".repeat(80), "Jobs_1-x", "jobs.fifo", `${"a".repeat(75)}.fifo`],
    ["", "a".repeat(81), "a.b", ".fifo", `${"a".repeat(76)}.fifo`, "jobs/emails", "jöbs", "jobs\n"],
  ],
  [
    "pubsub",
    ["abc", "a".repeat(255), "a-_.~+%"],
    ["ab", "a".repeat(256), "1abc", "google", "jobs/emails", "jöbs"],
  ],
  [
    "service-bus",
    ["a", "a".repeat(260), "jobs/emails", "a-_.~/1"],
    ["", "a".repeat(261), "-a", "a-", "/a", "a b", "jöbs", "a?b", "a\n"],
  ],
])("names of queues on %s", (emulate, valid, invalid) => {
  test.each(valid)("the name %j is valid", async (name) => {
    expect(rules[emulate].test(name)).toBe(true);
    await expect(memory({ emulate }).describe(name)).rejects.toMatchObject({ kind: "not_found" });
  });

  test.each(invalid)("the name %j is refused, also by the emulation", async (name) => {
    expect(rules[emulate].test(name)).toBe(false);
    const driver = memory({ emulate });
    const refused = { kind: "permanent", message: expect.stringContaining("is not a valid name") as string };
    await expect(driver.describe(name)).rejects.toMatchObject(refused);
    await expect(driver.admin.ensure(name, spec)).rejects.toMatchObject(refused);
    await expect(driver.admin.plan?.(name, spec)).rejects.toMatchObject(refused);
  });
});

test("a name whose delay queue would be too long is refused when it is created, and not when it is used", async () => {
  const driver = memory({ emulate: "sqs" });
  const name = "a".repeat(76);

  await expect(driver.describe(name)).rejects.toMatchObject({ kind: "not_found" });
  await expect(driver.admin.ensure(name, spec)).rejects.toThrow("SQS takes 1 to 80");
});

test("queues in memory have any name", async () => {
  await expect(memory().describe("ö\n".repeat(1_000))).resolves.toBeDefined();
});
