import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { memory, type EmulatedProvider } from "../../../adapters/memory/index.ts";
import type { WorkerConfig } from "../../../adapters/config-file.ts";
import type { InMs } from "../../../src/lib/duration.ts";
import { clockFinding, timeUrl } from "../../../cmd/doctor/clock.ts";
import type { Finding } from "../../../cmd/doctor/finding.ts";
import { queueFindings } from "../../../cmd/doctor/queue-findings.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import type { QueueSpec } from "../../../src/driver/contract.ts";

interface QueueSetup extends Partial<QueueSpec> {
  readonly uncounted?: boolean;
}

/** The findings about a queue of an emulated provider that are not ok. */
async function problems(
  emulate: EmulatedProvider,
  worker: InMs<WorkerConfig> = {},
  { uncounted = false, ...spec }: QueueSetup = {},
): Promise<Finding[]> {
  const driver = memory({ emulate, uncounted: uncounted ? ["jobs"] : [] });
  await using queue = createQueue(driver);
  await driver.admin?.ensure("jobs", { brokerMaxDeliveries: 15, leaseMs: 30_000, ...spec });
  const options = { ordering: "none", leaseMs: worker.leaseMs } as const;
  const findings = await queueFindings(queue, { name: "jobs", options }, worker);
  return findings.filter(({ level }) => level !== "ok");
}

describe("queueFindings", () => {
  test.each(["sqs", "pubsub", "service-bus"] as const)(
    "finds no problem of a correct queue on %s",
    async (emulate) => {
      expect(await problems(emulate)).toEqual([]);
    },
  );

  test("reports a missing queue as broken, with the command that creates it", async () => {
    await using queue = createQueue(memory({ emulate: "sqs" }));
    const findings = await queueFindings(queue, { name: "jobs", options: {} }, {});
    expect(findings).toMatchObject([
      {
        level: "broken",
        what: "queue jobs: does not exist",
        fix: expect.stringContaining("queueport provision jobs"),
      },
    ]);
  });

  test.each([
    [8, "warning"],
    [3, "broken"],
  ])("reports a provider that dead-letters first, after %i deliveries, as a %s", async (most, level) => {
    const findings = await problems("service-bus", {}, { brokerMaxDeliveries: most });
    expect(findings).toMatchObject([
      { level: "warning", what: `queue jobs: brokerMaxDeliveries is ${most}; it should be 15` },
      {
        level,
        what: expect.stringMatching(new RegExp(`after ${most} deliveries on its own.*does after 10`)),
      },
    ]);
  });

  test("reports a queue that does not count deliveries as broken, and with allowUncounted as a warning", async () => {
    const [before] = await problems("sqs", {}, { uncounted: true });
    const [after] = await problems("sqs", { allowUncounted: true }, { uncounted: true });
    expect([before?.level, after?.level]).toEqual(["broken", "warning"]);
    expect(before?.what).toMatch(/not counted/);
  });

  test.each<[string, InMs<WorkerConfig>, Finding["level"], RegExp]>([
    [
      "a run that is longer than the provider leases a message",
      { timeoutMs: 13 * 3_600_000 },
      "broken",
      /a run may take \d+ ms; the provider leases a message for \d+ ms at most/,
    ],
    [
      "a lease that is longer than the provider allows",
      { leaseMs: 13 * 3_600_000 },
      "broken",
      /lease of 46800000 ms is longer/,
    ],
    [
      "an extension that comes after the lease has ended",
      { leaseMs: 30_000, extendEveryMs: 30_000 },
      "broken",
      /ends before it is extended/,
    ],
    [
      "an extension that leaves no time for a second one",
      { leaseMs: 30_000, extendEveryMs: 20_000 },
      "warning",
      /lost if one extension fails/,
    ],
  ])("reports %s", async (_what, worker, level, sentence) => {
    const findings = await problems("sqs", worker, { leaseMs: worker.leaseMs ?? 30_000 });
    const found = findings.find(({ what }) => sentence.test(what));
    expect(found?.level).toBe(level);
    expect(found?.fix).toMatch(/./);
  });
});

describe("clockFinding", () => {
  let server: Server | undefined;
  // The clocks are stopped, so that the duration of the request does not count.
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
  ])("reports a provider whose clock differs by %i ms as %s", async (offMs, level, sentence) => {
    const finding = await clockFinding({ provider: "sqs", endpoint: await serverAt(offMs) });
    expect(finding.level).toBe(level);
    expect(finding.what).toMatch(sentence);
  });

  test.each([
    { provider: "pubsub", emulatorHost: "not a host" },
    { provider: "service-bus", namespace: "ten ants.servicebus.windows.net" },
    { provider: "sqs", region: "eu west" },
  ] as const)("reports a host that is no URL as broken: %o", async (config) => {
    expect(await clockFinding(config)).toMatchObject({
      level: "broken",
      what: expect.stringContaining("is no URL"),
    });
  });

  test("does not report a difference that a slow answer explains", async () => {
    const slow = createServer((_request, response) => {
      response.setHeader("date", new Date(Date.now()).toUTCString());
      // The answer arrives 8 s later by the clock of this machine.
      vi.setSystemTime(Date.now() + 8_000);
      response.end();
    });
    server = slow;
    await new Promise<void>((listening) => slow.listen(0, "127.0.0.1", listening));
    const endpoint = `http://127.0.0.1:${(slow.address() as AddressInfo).port}`;
    expect(await clockFinding({ provider: "sqs", endpoint })).toMatchObject({ level: "ok" });
  });

  test("compares with the endpoint that the configuration names", () => {
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

  test("reports no problem if the endpoint does not answer", async () => {
    expect(await clockFinding({ provider: "sqs", endpoint: "http://127.0.0.1:1" })).toMatchObject({
      level: "ok",
    });
  });
});
