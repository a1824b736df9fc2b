import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { memory, type EmulatedProvider } from "../../../adapters/memory/index.ts";
import type { WorkerConfig } from "../../../adapters/config-file.ts";
import { clockFinding, timeUrl } from "../../../cmd/doctor/clock.ts";
import type { Finding } from "../../../cmd/doctor/finding.ts";
import { queueFindings } from "../../../cmd/doctor/queue-findings.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import type { QueueSpec } from "../../../src/driver/contract.ts";

interface Made extends Partial<QueueSpec> {
  readonly uncounted?: boolean;
}

async function look(
  emulate: EmulatedProvider,
  worker: WorkerConfig = {},
  { uncounted = false, ...spec }: Made = {},
): Promise<Finding[]> {
  const driver = memory({ emulate, uncounted: uncounted ? ["jobs"] : [] });
  await using queue = createQueue(driver);
  await driver.admin?.ensure("jobs", { brokerMaxDeliveries: 15, leaseMs: 30_000, ...spec });
  const options = { ordering: "none", leaseMs: worker.leaseMs } as const;
  const findings = await queueFindings(queue, { name: "jobs", options }, worker);
  return findings.filter(({ level }) => level !== "ok");
}

describe("a queue", () => {
  test.each(["sqs", "pubsub", "service-bus"] as const)(
    "that is as it should be has no finding: %s",
    async (emulate) => {
      expect(await look(emulate)).toEqual([]);
    },
  );

  test("that is missing is broken, with what mends it", async () => {
    await using queue = createQueue(memory({ emulate: "sqs" }));
    const findings = await queueFindings(queue, { name: "jobs", options: {} }, {});
    expect(findings).toMatchObject([
      {
        level: "broken",
        what: "queue jobs: does not exist",
        mend: expect.stringContaining("queueport provision jobs"),
      },
    ]);
  });

  test.each([
    [8, "warning"],
    [3, "broken"],
  ])("whose provider acts first, after %i deliveries, is told with both numbers", async (most, level) => {
    const findings = await look("service-bus", {}, { brokerMaxDeliveries: most });
    expect(findings).toMatchObject([
      { level: "warning", what: `queue jobs: brokerMaxDeliveries is ${most}; 15 is wanted` },
      {
        level,
        what: expect.stringMatching(new RegExp(`after ${most} deliveries by itself.*would after 10`)),
      },
    ]);
  });

  test("that does not count is broken, unless one works without knowingly", async () => {
    const [before] = await look("sqs", {}, { uncounted: true });
    const [after] = await look("sqs", { allowUncounted: true }, { uncounted: true });
    expect([before?.level, after?.level]).toEqual(["broken", "warning"]);
    expect(before?.what).toMatch(/not counted/);
  });

  test.each<[string, WorkerConfig, Finding["level"], RegExp]>([
    [
      "a run longer than any hold",
      { timeoutMs: 13 * 3_600_000 },
      "broken",
      /a run may take .* 43200000 ms at most/,
    ],
    ["a lease longer than any", { leaseMs: 13 * 3_600_000 }, "broken", /lease of 46800000 ms is longer/],
    [
      "an extension too late",
      { leaseMs: 30_000, extendEveryMs: 30_000 },
      "broken",
      /ends before it is extended/,
    ],
    [
      "an extension without a second one",
      { leaseMs: 30_000, extendEveryMs: 20_000 },
      "warning",
      /one extension that fails/,
    ],
  ])("%s", async (_what, worker, level, sentence) => {
    const findings = await look("sqs", worker, { leaseMs: worker.leaseMs ?? 30_000 });
    const found = findings.find(({ what }) => sentence.test(what));
    expect(found?.level).toBe(level);
    expect(found?.mend).toMatch(/./);
  });
});

describe("the clock", () => {
  let server: Server | undefined;
  // Both clocks stand still: how long the answer takes is not what is measured.
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["Date"], now: new Date("2026-01-01T00:00:00.500Z") });
  });
  afterEach(() => {
    vi.useRealTimers();
    server?.close();
  });

  async function serverAt(offMs: number): Promise<string> {
    server = createServer((_request, response) => {
      response.setHeader("date", new Date(Date.now() + offMs).toUTCString());
      response.end();
    });
    await new Promise<void>((listening) => server?.listen(0, "127.0.0.1", listening));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  test.each([
    [0, "ok", /within 2 s/],
    [60_000, "warning", / 60 s behind the provider's/],
    [-3_600_000, "broken", / 3600 s ahead of the provider's/],
  ])("%s ms off", async (offMs, level, sentence) => {
    const finding = await clockFinding({ provider: "sqs", endpoint: await serverAt(offMs) });
    expect(finding.level).toBe(level);
    expect(finding.what).toMatch(sentence);
  });

  test("is compared with whoever serves", () => {
    expect(timeUrl({ provider: "memory" })).toBeUndefined();
    expect(timeUrl({ provider: "sqs", region: "eu-west-1" })).toBe("https://sqs.eu-west-1.amazonaws.com/");
    expect(timeUrl({ provider: "pubsub", emulatorHost: "localhost:8085" })).toBe("http://localhost:8085/");
    expect(timeUrl({ provider: "service-bus", namespace: "n.servicebus.windows.net" })).toBe(
      "https://n.servicebus.windows.net/",
    );
    const connectionString =
      "Endpoint=sb://localhost:5300/;SharedAccessKeyName=a;UseDevelopmentEmulator=true";
    expect(timeUrl({ provider: "service-bus", connectionString })).toBe("http://localhost:5300/");
  });

  test("that cannot be read is no finding", async () => {
    expect(await clockFinding({ provider: "sqs", endpoint: "http://127.0.0.1:1" })).toMatchObject({
      level: "ok",
    });
  });
});
