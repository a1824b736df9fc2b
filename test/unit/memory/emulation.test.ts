import { expect, test } from "vitest";
import { emulated } from "./support.ts";

test.each(["sqs", "pubsub", "service-bus"] as const)(
  "%s refuses a queue that does not exist",
  async (cloud) => {
    const { driver } = emulated(cloud);
    expect(driver.limits.createsQueues).toBe(false);
    await expect(driver.describe("missing")).rejects.toMatchObject({
      kind: "not_found",
      message: expect.stringContaining("missing"),
    });
  },
);
