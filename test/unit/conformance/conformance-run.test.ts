import { expect, type Mock, test, vi } from "vitest";
import {
  type ConformanceCase,
  ConformanceRun,
  conformanceCases,
  type Harness,
  runConformance,
} from "../../../src/conformance/index.ts";
import { defineCase } from "../../../src/conformance/case.ts";
import { waitForDeadLetter } from "../../../src/conformance/kit/dead-letters.ts";
import { reasonOf } from "../../../src/conformance/run-case.ts";
import { memoryHarness } from "../../conformance/harness/memory.ts";

/** Creates a case that is not part of the suite. */
function caseOf(run: ConformanceCase["run"]): ConformanceCase {
  return defineCase({ requirement: "delivery.intact", name: "a case of this test", run });
}

/** Creates a memory harness with some parts replaced, and records how often it is closed. */
function harnessOf(over: Partial<Harness> = {}): {
  readonly harness: Harness;
  readonly close: Mock<() => Promise<void>>;
} {
  const close = vi.fn<() => Promise<void>>(async () => {});
  return { harness: { ...memoryHarness(), close, ...over }, close };
}

test("a harness with a deviation for an unknown case is refused by name, and closed", async () => {
  const { harness, close } = harnessOf({ deviations: { "a case that never was": "it differs" } });
  await expect(ConformanceRun.open(harness)).rejects.toThrow(
    'The harness "memory" has deviations for cases that do not exist: "a case that never was".',
  );
  expect(close).toHaveBeenCalledOnce();
});

test("a harness is started by its function, and closed once after the last case", async () => {
  const { harness, close } = harnessOf();
  const start = vi.fn<() => Promise<Harness>>(async () => harness);
  const seen: number[] = [];
  await runConformance(start, {
    only: ({ group }) => group === "ordering",
    onResult: () => seen.push(close.mock.calls.length),
  });
  expect(start).toHaveBeenCalledOnce();
  expect(seen).toEqual(seen.map(() => 0));
  expect(close).toHaveBeenCalledOnce();
});

test("a case that hangs fails at its deadline, with the requests that have no answer", async () => {
  const { harness } = harnessOf({ timing: { caseMs: 100 } });
  const open = async (): ReturnType<Harness["open"]> => ({
    ...(await harness.open()),
    stats: () => new Promise(() => {}),
  });
  const run = await ConformanceRun.open({ ...harness, open });
  const result = await run.run(
    caseOf(async (context) => {
      const client = await context.connect();
      await client.queue.stats(await context.makeQueue());
    }),
  );
  expect(result).toMatchObject({
    status: "failed",
    reason: expect.stringMatching(
      /^the case has not ended after 100 ms; waiting for: none; requests without an answer: stats on "queue-\d+"/,
    ),
  });
});

test("a wait that fails states what was waited for, how long, and the state at the end", async () => {
  const run = await ConformanceRun.open(harnessOf().harness);
  const result = await run.run(
    caseOf(async (context) => {
      const queue = await context.makeQueue();
      const client = await context.connect();
      const inbox = context.inbox();
      await context.sendMany(client, queue, 2);
      client.receive(queue, inbox.handler());
      await inbox.waitForMessages(3, 5_000);
    }),
  );
  expect(result.reason).toBe("3 messages: not within 5000 ms; 2 arrived");
});

test("a wait for dead letters that fails states the wait, the counts and the queue", async () => {
  const run = await ConformanceRun.open(harnessOf({ timing: { leaseMs: 100_000 } }).harness);
  const result = await run.run(
    caseOf(async (context) => {
      const queue = await context.makeQueue();
      await waitForDeadLetter(context, await context.connect(), queue);
    }),
  );
  expect(result.reason).toMatch(
    /^dead letters of "queue-\d+": 0 after a wait of 12\d{4} ms \(stats of the queue: .*"failed":0}\); expected 1/,
  );
});

test("queues that a case brought into being by their first use are dropped at its end", async () => {
  const names = ["missing-1", "missing-2"];
  const dropped: string[] = [];
  const { harness } = harnessOf({ missingQueue: () => names.shift() ?? "missing-3" });
  const dropQueue = (queue: string): Promise<void> => {
    dropped.push(queue);
    return harness.dropQueue(queue);
  };
  const run = await ConformanceRun.open({ ...harness, dropQueue });
  const one = conformanceCases().find(
    ({ name }) => name === "a missing queue is created when it is first used",
  );
  const result = await run.run(one!);
  expect(result.status).toBe("passed");
  expect(dropped).toEqual(expect.arrayContaining(["missing-1", "missing-2"]));
});

test("a run without onResult runs its cases", async () => {
  const { passed } = await runConformance(harnessOf().harness, { only: ({ group }) => group === "ordering" });
  expect(passed).toBeGreaterThan(0);
});

test("a whole run drops every queue that it made or brought into being", async () => {
  const { harness } = harnessOf();
  const [made, dropped] = [new Set<string>(), new Set<string>()];
  let missing = 0;
  await runConformance({
    ...harness,
    async makeQueue(needs) {
      const queue = await harness.makeQueue(needs);
      made.add(queue);
      return queue;
    },
    missingQueue() {
      missing += 1;
      made.add(`missing-${missing}`);
      return `missing-${missing}`;
    },
    dropQueue(queue) {
      dropped.add(queue);
      return harness.dropQueue(queue);
    },
  });
  expect(missing).toBeGreaterThan(0);
  expect([...made].filter((queue) => !dropped.has(queue))).toEqual([]);
});

test("cases on a virtual clock run one after the other, however they are started", async () => {
  const run = await ConformanceRun.open(harnessOf().harness);
  let running = 0;
  const most: number[] = [];
  const one = caseOf(async (context) => {
    running += 1;
    most.push(running);
    await context.pass(1_000);
    running -= 1;
  });
  await Promise.all([run.run(one), run.run(one), run.run(one)]);
  expect(most).toEqual([1, 1, 1]);
});

test("the reason of a failure names a standstill of the process, unless it was shorter than a second", () => {
  const error = new Error("duplicates: 1; expected at most 0");
  expect(reasonOf(error, 900)).toBe(error.message);
  expect(reasonOf(error, 3_750)).toBe(
    `${error.message}\nThis process stood still for 3.8 s meanwhile, which may be the only reason.`,
  );
});
