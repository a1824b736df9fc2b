import type { Benchmark, Contender, Threshold } from "../run/benchmark.ts";

type Synchronous = "full" | "normal";

/** Queues in an SQLite file, beside other queues in SQLite. */
export function sqlite(quick: boolean): readonly Benchmark[] {
  return [
    ...(["normal", "full"] as const).flatMap((synchronous) => [
      send(synchronous, quick),
      backlog(synchronous, quick),
    ]),
    idle("in one process", false, 1, quick),
    idle("across two processes", true, 10, quick),
  ];
}

const WORDS: Readonly<Record<Synchronous, string>> = {
  normal: "sends survive the process",
  full: "sends survive a power cut",
};

/**
 * liteque has no option for the disk: its file is that of `normal`. It only sends here, since its worker fails
 * with the version of better-sqlite3 that is installed: it gives an asynchronous function to a synchronous transaction.
 */
function contenders(
  file: string,
  synchronous: Synchronous,
  sizes: Readonly<Record<"queueport" | "plainjob" | "liteque", object>>,
): readonly [Contender, ...Contender[]] {
  const one = (by: "queueport" | "plainjob" | "liteque"): Contender => ({
    name: by,
    file: `sqlite/${file}`,
    settings: [{ by, synchronous, ...sizes[by] }],
  });
  return synchronous === "normal" && file === "send"
    ? [one("queueport"), one("plainjob"), one("liteque")]
    : [one("queueport"), one("plainjob")];
}

function thresholds(work: "send" | "process", synchronous: Synchronous): readonly Threshold[] {
  const over = (name: string, atLeast: number): Threshold => ({
    name: `SQLite ${work} (${synchronous}) / ${name}`,
    figure: "rate",
    over: name,
    atLeast,
  });
  if (synchronous === "full" || work === "process") return [over("plainjob", 5)];
  // Without a wait for the disk, a send of plainjob is one synchronous INSERT, so the CPU time of our checks counts.
  return [over("plainjob", 2.5), over("liteque", 10)];
}

function send(synchronous: Synchronous, quick: boolean): Benchmark {
  const of = (messages: number): object => ({
    width: 50,
    warmUp: messages / 4,
    messages: quick ? messages / 4 : messages,
  });
  const few = synchronous === "full" ? 800 : 8_000;
  return {
    name: `SQLite send, 50 concurrent callers, ${WORDS[synchronous]}`,
    contenders: contenders("send", synchronous, {
      queueport: of(40_000),
      plainjob: of(few),
      liteque: of(4_000),
    }),
    thresholds: thresholds("send", synchronous),
  };
}

function backlog(synchronous: Synchronous, quick: boolean): Benchmark {
  const of = (messages: number): object => ({
    warmUp: messages / 4,
    messages: quick ? messages / 4 : messages,
  });
  const few = synchronous === "full" ? 800 : 4_000;
  return {
    name: `SQLite process a backlog, ${WORDS[synchronous]}`,
    contenders: contenders("process", synchronous, {
      queueport: of(40_000),
      plainjob: of(few),
      liteque: of(2_000),
    }),
    thresholds: thresholds("process", synchronous),
  };
}

function idle(where: string, across: boolean, atMost: number, quick: boolean): Benchmark {
  const settings = [{ across, synchronous: "normal", warmUp: 50, messages: quick ? 50 : 200 }];
  return {
    name: `SQLite, idle queue, from send to handler, ${where}`,
    shown: "medianMs",
    contenders: [{ name: "queueport", file: "sqlite/idle", settings }],
    thresholds: [{ name: `SQLite idle latency ${where}, ms`, figure: "medianMs", atMost }],
  };
}
