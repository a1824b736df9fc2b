import type { FaultKind, PlannedFault, PlannedProcess, PlannedRun } from "../plan.ts";
import { times } from "../plan.ts";
import { Prng } from "../prng.ts";
import type { JobPlan, Operation, PlannedJob, PlannedOperation, PlannedRepeat, PlannedSend } from "./plan.ts";
import { jobsOf } from "./plan.ts";

const MAX_SKEW_MS = 300_000;
/** Time within which all jobs are sent. */
const SENDING_MS = 15_000;
const PROCESSES = 3;

/** Draws the plan of a run of the job system from a seed. */
export function makeJobPlan(seed: number): JobPlan {
  const random = new Prng(seed);
  const provider = random.pick(["plain", "plain", "sqs", "pubsub", "service-bus"] as const);
  const isOrdered = provider !== "pubsub" && random.chance(0.3);
  const leaseMs = random.pick(provider === "pubsub" ? [10_000, 20_000] : [5_000, 10_000, 20_000]);
  const hasStaging = random.chance(0.2);
  const isLongOutage = isOrdered && random.chance(0.08);
  const isPruned = random.chance(0.06);
  const sends = sendsOf(random, leaseMs, hasStaging, isOrdered);
  return {
    seed,
    provider,
    limits:
      provider === "sqs"
        ? { nativeDelayMs: 10_000, maxReleaseDelayMs: 15_000, maxHopMs: 30_000 }
        : provider === "pubsub"
          ? { nativeDelayMs: 0, maxReleaseDelayMs: 8_000, maxHopMs: 20_000 }
          : {},
    leaseMs,
    concurrency: random.int(1, 4),
    latencyMs: random.chance(0.3) ? random.pick([5, 50, 300]) : 0,
    isOrdered,
    brokerMaxDeliveries: random.chance(0.15) ? random.int(isOrdered ? 4 : 2, 5) : 40,
    hasStaging,
    isPushing: random.chance(0.5),
    isLongOutage,
    isPruned,
    processes: processes(random),
    sends,
    repeats: repeatsOf(random, sends),
    operations: operationsOf(random, sends),
    faults: [...faults(random), ...aimedFaults(new Prng(seed ^ 0x7f4a7c15), { isLongOutage, isPruned })],
    restarts: Array.from({ length: random.int(0, 2) }, () => ({
      at: random.int(500, SENDING_MS * 2),
      process: random.int(0, PROCESSES - 1),
    })),
  };
}

function processes(random: Prng): PlannedProcess[] {
  const isSkewed = random.chance(0.4);
  const isSet = random.chance(0.25);
  const difference = (): number => random.int(-MAX_SKEW_MS, MAX_SKEW_MS);
  return Array.from({ length: PROCESSES }, () => ({
    skewMs: isSkewed && random.chance(0.6) ? difference() : 0,
    clockSet:
      isSet && random.chance(0.6) ? { at: random.int(0, SENDING_MS * 2), byMs: difference() } : undefined,
    types: ["runs", "waits"],
  }));
}

function sendsOf(random: Prng, leaseMs: number, hasStaging: boolean, isOrdered: boolean): PlannedSend[] {
  const moments = Array.from({ length: 5 }, () => random.int(0, SENDING_MS));
  let count = 0;
  const job = (): PlannedJob => {
    count += 1;
    return {
      key: `j${count}`,
      type: random.chance(0.25) ? "waits" : "runs",
      maxAttempts: random.int(1, 4),
      runs: runs(random, leaseMs),
      saves: random.chance(0.3),
    };
  };
  return Array.from({ length: random.int(9, 13) }, (_, index): PlannedSend => {
    const isOthers = random.chance(0.15);
    const by = random.int(0, PROCESSES - 1);
    const isStaging = hasStaging && by === PROCESSES - 1;
    const way = random.pick([
      "plain",
      "plain",
      "plain",
      "batch",
      "id",
      "id",
      "key",
      "delayed",
      "delayed",
      "bare",
    ] as const);
    const isShared = random.chance(hasStaging && way === "id" ? 0.5 : 0.15);
    return {
      kind: "send",
      way,
      jobs: Array.from({ length: way === "batch" ? random.int(2, 3) : 1 }, job),
      // Ids are shared by messages of the queue, which nobody refuses; by those of two queues and of two deployments.
      id:
        way === "bare" || way === "id"
          ? isShared
            ? "shared"
            : `own-${index}`
          : way === "key"
            ? `key-${index}`
            : undefined,
      // Messages of one id are told apart by the time of their creation.
      at: !isShared && random.chance(0.6) ? random.pick(moments) : random.int(0, SENDING_MS),
      by,
      delayMs: way === "delayed" || (way === "id" && random.chance(0.3)) ? random.int(1, 25_000) : 0,
      queue: isStaging ? 2 : isOthers ? 1 : 0,
      ...(isOrdered ? {} : {}),
    };
  });
}

function runs(random: Prng, leaseMs: number): PlannedRun[] {
  const run = (outcome: PlannedRun["outcome"]): PlannedRun => ({
    outcome,
    ms: outcome === "stubborn" ? times.timeoutMs + random.int(0, 12_000) : duration(random, leaseMs),
    retryAfterMs: random.pick([0, random.int(0, 5_000), random.int(5_000, 30_000)]),
  });
  const failures = random.chance(0.45) ? 0 : random.int(1, 3);
  const failing = Array.from({ length: failures }, () =>
    run(random.pick(["throw", "throw", "throw", "permanent", "retry_after", "stubborn"])),
  );
  return [...failing, run(random.chance(0.12) ? random.pick(["permanent", "throw"]) : "ok")];
}

function duration(random: Prng, leaseMs: number): number {
  const share = random.next();
  if (share < 0.45) return random.int(0, 500);
  if (share < 0.75) return random.int(500, 5_000);
  return random.int(leaseMs, Math.max(leaseMs, Math.min(3 * leaseMs, times.timeoutMs + 2_000)));
}

function repeatsOf(random: Prng, sends: readonly PlannedSend[]): PlannedRepeat[] {
  return sends
    .filter(({ way, id }) => (way === "id" || way === "key") && id !== "shared" && random.chance(0.5))
    .map(({ at, jobs: [job] }) => ({
      kind: "repeat",
      key: job?.key ?? "",
      isOther: random.chance(0.35),
      at: at + random.int(0, 20_000),
      by: random.int(0, PROCESSES - 1),
    }));
}

/** The orders to a job in each state. */
const OPERATIONS: readonly (readonly [Operation, PlannedOperation["when"]])[] = [
  ["cancel", "sent"],
  ["cancel", "scheduled"],
  ["cancel", "queued"],
  ["cancel", "processing"],
  ["cancel", "processing"],
  ["cancel", "retrying"],
  ["retry", "failed"],
  ["retry", "failed"],
  ["retry", "cancelled"],
  ["force", "completed"],
  ["promote", "scheduled"],
  ["redrive", "dead"],
  ["redrive", "dead"],
  ["redrive", "failed"],
  ["move", "dead"],
  ["move", "dead"],
  ["reconcile", "sent"],
  ["prune", "completed"],
];

function operationsOf(random: Prng, sends: readonly PlannedSend[]): PlannedOperation[] {
  const all = jobsOf({ sends });
  const failing = all.filter(({ runs: planned }) => planned.some(({ outcome }) => outcome !== "ok"));
  const delayed = sends.filter(({ delayMs }) => delayMs > 0).flatMap(({ jobs }) => jobs);
  return Array.from({ length: random.int(4, 8) }, () => {
    const [what, when] = random.pick(OPERATIONS);
    const some = when === "scheduled" ? delayed : ["dead", "failed"].includes(when) ? failing : all;
    return {
      kind: "operate" as const,
      what,
      when,
      key: random.pick(some.length > 0 ? some : all).key,
      at: random.int(0, SENDING_MS),
      by: random.int(0, PROCESSES - 1),
    };
  });
}

const KINDS: readonly FaultKind[] = [
  "duplicate",
  "duplicate",
  "expire",
  "expire",
  "mute",
  "reorder",
  "partial",
  "lost",
  "lost",
  "lost",
  "crash",
  "crash",
  "freeze",
  "freeze",
  "late",
  "late",
  "reverse",
  "reverse",
  "locked",
  "cut",
  "down",
  "slow",
];

const STEPS = [
  "send first",
  "send first",
  "send copy",
  "send due",
  "send dead letter",
  "receive",
  "settle ack",
  "settle release",
  "settle dead",
  "settle dead letters",
  "handler",
  "handler",
  "store insert",
  "store birth",
  "store claim",
  "store claim",
  "store end",
  "store end",
  "store buried",
  "store dispatched",
  "store reopen",
  "store cancel",
  "store take",
  "archive",
] as const;

function faults(random: Prng): PlannedFault[] {
  let crashes = 0;
  return Array.from({ length: random.int(6, 11) }, () => {
    const drawn = random.pick(KINDS);
    if (drawn === "crash") crashes += 1;
    const kind = drawn === "crash" && crashes > 3 ? "lost" : drawn;
    return {
      kind,
      after: random.int(0, SENDING_MS * 2),
      on: stepFor(kind, random),
      side: random.pick(["before", "after"] as const),
      draining: random.chance(0.15),
      chance: random.next(),
    };
  });
}

/** Faults for situations that hardly ever come by chance. */
function aimedFaults(
  random: Prng,
  { isLongOutage, isPruned }: Pick<JobPlan, "isLongOutage" | "isPruned">,
): PlannedFault[] {
  const fault = (kind: FaultKind, on: string, side: PlannedFault["side"], chance: number): PlannedFault => {
    return { kind, after: random.int(0, SENDING_MS), on, side, draining: false, chance };
  };
  const aimed: PlannedFault[] = [];
  if (isLongOutage) aimed.push(fault("down", "store", "before", 0));
  if (isPruned)
    aimed.push(fault("late", "store insert", "before", 0.9), fault("crash", "archive", "after", 0));
  if (random.chance(0.1)) aimed.push(fault("crash", "send first", random.pick(["before", "after"]), 0));
  if (random.chance(0.08)) {
    const lost = fault("lost", "store claim", "after", 0);
    aimed.push(lost, lost, lost);
  }
  // A claim that arrives when its run is over.
  if (random.chance(0.15)) aimed.push(fault("late", "store claim", "before", 0.68));
  return aimed;
}

function stepFor(kind: FaultKind, random: Prng): string | undefined {
  switch (kind) {
    case "lost":
      return random.chance(0.7)
        ? random.pick([
            "store claim",
            "store end",
            "store birth",
            "store insert",
            "store",
            "store",
            "store cancel",
            "store reopen",
            "store dispatched",
          ])
        : random.pick(["send", "receive", "settle", "settle ack"]);
    case "partial":
      return random.pick(["send", "settle"]);
    case "late":
    case "reverse":
      return random.pick([
        undefined,
        "store claim",
        "store end",
        "store insert",
        "store touch",
        "store dispatched",
      ]);
    case "crash":
    case "freeze":
      return random.chance(0.85) ? random.pick(STEPS) : undefined;
    default:
      return undefined;
  }
}
