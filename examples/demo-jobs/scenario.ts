import type { Client, JobRecord } from "./client.ts";

/** One job of the demo, and what the client does with it. */
interface Planned {
  readonly type: string;
  readonly payload: object;
  readonly priority?: number;
  readonly delay_ms?: number;
  /** Cancelled before it has started, or while it runs. */
  readonly cancel?: "waiting" | "running";
}

const mail = (to: string): Planned => ({
  type: "email",
  payload: { to, subject: "Welcome!", body: "Thanks for signing up" },
  priority: 1,
});

const image = (name: string, rest: Partial<Planned> = {}): Planned => ({
  type: "image_processing",
  payload: {
    image_url: `https://example.com/${name}.jpg`,
    operations: ["resize", "watermark"],
    output_path: `/output/${name}.jpg`,
  },
  ...rest,
});

const report = (report_type: string, rest: Partial<Planned> = {}): Planned => ({
  type: "report_generation",
  payload: { report_type, format: "pdf", date_range: { start: "2024-01-01", end: "2024-01-31" } },
  ...rest,
});

const HOUR_MS = 3_600_000;

/** Twelve jobs: nine complete, one of them at the second attempt; one fails; two are cancelled. */
export const plan: readonly Planned[] = [
  mail("user@example.com"),
  mail("busy@example.com"),
  mail("gone@nowhere.example"),
  mail("ada@example.com"),
  mail("grace@example.com"),
  image("cat"),
  image("dog", { delay_ms: 1_500 }),
  image("fish"),
  report("monthly_sales"),
  report("weekly_visits"),
  report("yearly_sales", { cancel: "running" }),
  report("forecast", { delay_ms: HOUR_MS, cancel: "waiting" }),
];

/** Sends one job and follows it to its end. Returns its last record. */
export async function carryOut(
  client: Client,
  { cancel, ...job }: Planned,
  onChange: (job: JobRecord) => void,
  signal: AbortSignal,
): Promise<JobRecord> {
  const { id } = await client.create(job);
  if (cancel === "waiting") await client.cancel(id);
  let asking: Promise<Error | undefined> | undefined;
  const seen = (record: JobRecord): void => {
    onChange(record);
    if (cancel === "running" && (record.progress ?? 0) >= 20)
      asking ??= client.cancel(id).then(
        () => undefined,
        (error: Error) => error,
      );
  };
  const last = await client.follow(id, seen, signal);
  const refused = await asking;
  if (refused !== undefined) throw refused;
  return last;
}
