import type { Limits } from "../../src/driver/index.ts";
import {
  type FaultKind,
  type Plan,
  type PlannedFault,
  type PlannedMessage,
  type PlannedProcess,
  type PlannedRun,
  type Step,
  times,
} from "./plan.ts";
import { Prng } from "./prng.ts";

/** Largest difference between two clocks. */
const MAX_SKEW_MS = 600_000;
/** Time within which all messages are sent. */
const SENDING_MS = 20_000;
const TYPES = ["common", "other", "rare"];
const PROCESSES = 3;

/** Draws the plan of a run from a seed. */
export function makePlan(seed: number): Plan {
  const random = new Prng(seed);
  const provider = random.pick(["plain", "sqs", "pubsub", "service-bus"] as const);
  // Pub/Sub has no leases shorter than 10 s.
  const leaseMs = random.pick(provider === "pubsub" ? [10_000, 20_000] : [5_000, 10_000, 20_000]);
  return {
    seed,
    provider,
    limits: limitsFor(provider, random),
    leaseMs,
    concurrency: random.int(1, 6),
    unknownTypeMaxAgeMs: random.pick([15_000, 30_000, 90_000]),
    latencyMs: random.chance(0.3) ? random.pick([5, 50, 300]) : 0,
    processes: withClockSet(processes(random), new Prng(seed ^ 0x2c1b3c6d)),
    messages: messages(random, leaseMs),
    faults: faults(random),
    restarts: Array.from({ length: random.int(1, 3) }, () => ({
      at: random.int(500, SENDING_MS * 2),
      process: random.int(0, PROCESSES - 1),
    })),
  };
}

function limitsFor(provider: Plan["provider"], random: Prng): Partial<Limits> {
  switch (provider) {
    case "sqs":
      return { nativeDelayMs: 10_000, maxReleaseDelayMs: 15_000, maxHopMs: 30_000 };
    case "pubsub":
      return { nativeDelayMs: 0, maxReleaseDelayMs: 8_000, maxHopMs: 20_000 };
    case "plain":
      return random.chance(0.5)
        ? { nativeDelayMs: 5_000, maxReleaseDelayMs: random.pick([0, 3_000]), maxHopMs: 15_000, maxBatch: 5 }
        : {};
    default:
      return {};
  }
}

function processes(random: Prng): PlannedProcess[] {
  const skewed = random.chance(0.4);
  const rareIsKnown = random.chance(0.8);
  return Array.from({ length: PROCESSES }, (_, index) => ({
    skewMs: skewed && random.chance(0.6) ? random.int(-MAX_SKEW_MS / 2, MAX_SKEW_MS / 2) : 0,
    types: TYPES.filter((type) => type !== "rare" || (rareIsKnown && index === 0)),
  }));
}

/** @param random apart from the others, so that every other part of a plan is the same without the clocks that are set */
function withClockSet(given: readonly PlannedProcess[], random: Prng): PlannedProcess[] {
  const isSet = random.chance(0.4);
  return given.map((one) => {
    const at = random.int(0, SENDING_MS * 2);
    const byMs = random.int(-MAX_SKEW_MS / 2, MAX_SKEW_MS / 2);
    return isSet && random.chance(0.6) ? { ...one, clockSet: { at, byMs } } : one;
  });
}

function messages(random: Prng, leaseMs: number): PlannedMessage[] {
  const moments = Array.from({ length: 6 }, () => random.int(0, SENDING_MS));
  return Array.from({ length: random.int(20, 28) }, (_, index) => ({
    id: `m${index}`,
    type: random.chance(0.1) ? "rare" : random.pick(["common", "other"]),
    at: random.pick(moments),
    by: random.int(0, PROCESSES - 1),
    delayMs: random.chance(0.3) ? random.pick([random.int(1, 10_000), random.int(10_000, 60_000)]) : 0,
    maxAttempts: random.int(1, 5),
    runs: runs(random, leaseMs),
  }));
}

function runs(random: Prng, leaseMs: number): PlannedRun[] {
  const run = (outcome: PlannedRun["outcome"]): PlannedRun => ({
    outcome,
    ms: outcome === "stubborn" ? times.timeoutMs + random.int(0, 12_000) : duration(random, leaseMs),
    retryAfterMs: random.pick([0, random.int(0, 5_000), random.int(5_000, 30_000)]),
  });
  const failures = random.chance(0.55) ? 0 : random.int(1, 4);
  const failing = Array.from({ length: failures }, () =>
    run(random.pick(["throw", "throw", "throw", "throw", "retry_after", "retry_after", "stubborn"])),
  );
  return [...failing, run(random.chance(0.08) ? random.pick(["permanent", "throw"]) : "ok")];
}

function duration(random: Prng, leaseMs: number): number {
  const share = random.next();
  if (share < 0.6) return random.int(0, 500);
  if (share < 0.85) return random.int(500, 5_000);
  return random.int(leaseMs, Math.max(leaseMs, Math.min(3 * leaseMs, times.timeoutMs + 2_000)));
}

/** Steps at which a planned crash may wait: all steps on the way of a message. */
const STEPS: readonly Step[] = [
  "send first",
  "send copy",
  "send delayed",
  "send due",
  "send dead letter",
  "receive",
  "receive delayed",
  "settle ack",
  "settle extend",
  "settle release",
  "settle dead_letter",
  "settle delayed",
  "handler",
];

function faults(random: Prng): PlannedFault[] {
  const kinds: FaultKind[] = Array.from({ length: random.int(7, 11) }, () =>
    random.pick(["duplicate", "reorder", "expire", "mute", "lost", "lost", "partial", "crash"] as const),
  );
  let crashes = 0;
  return kinds.map((drawn) => {
    if (drawn === "crash") crashes += 1;
    // At most three crashes, since each one costs deliveries, and many would only trigger the crash-loop limit.
    const kind = drawn === "crash" && crashes > 3 ? "lost" : drawn;
    return {
      kind,
      after: random.int(0, SENDING_MS * 1.5),
      on: stepFor(kind, random),
      side: random.pick(["before", "after"]),
      draining: random.chance(0.25),
      chance: random.next(),
    };
  });
}

function stepFor(kind: FaultKind, random: Prng): string | undefined {
  switch (kind) {
    case "lost":
      return random.pick(["send", "receive", "settle"]);
    case "partial":
      return random.pick(["send", "settle"]);
    case "crash":
      return random.chance(0.75) ? random.pick(STEPS) : undefined;
    default:
      return undefined;
  }
}
