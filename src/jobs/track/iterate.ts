import { checkKeys, type KnownKeys, QueueError } from "../../errors.ts";
import { show } from "../../lib/text.ts";
import type { Json } from "../json.ts";
import type { IterateOptions } from "../tracked-context.ts";
import { keptJson } from "./kept-json.ts";
import type { Report } from "./job-run.ts";
import { ITERATION, type StepHost, type Steps } from "./steps.ts";

const OPTIONS: KnownKeys<IterateOptions<unknown>> = {
  key: true,
  each: true,
  cursor: true,
  total: true,
  flushMs: true,
};
const FLUSH_MS = 5_000;
/** Milliseconds and items after which an iteration lets the rest of the process have its turn. */
const UNBROKEN_MS = 10;
const UNBROKEN_ITEMS = 1_000;

/** The parts of a run's context that an iteration uses. */
export interface IterationHost extends StepHost {
  readonly steps: Steps;
  /** Whether the run is to stop at the next place from which it can go on. */
  readonly isToStop: boolean;
  readonly progress: (percent: number) => void;
  monotonic(): number;
  /** Notes that the run goes on elsewhere. Returns the error to throw. */
  interrupt(): unknown;
  /** Adds a report that is written with the end of the run at the latest. */
  reportLater(report: Report): void;
}

/** The items of an iteration, or a function that returns those after a cursor. */
export type ItemSource<Item> =
  | Iterable<Item>
  | AsyncIterable<Item>
  | ((cursor: Json | undefined) => Iterable<Item> | AsyncIterable<Item>);

/** The place of an iteration: items that are done, and the cursor of the last one. */
interface Place {
  readonly n: number;
  readonly cursor?: Json;
  readonly done?: true;
}

/** Handles items one after the other, from the place that a run before has reached. */
export async function iterate<Item>(
  host: IterationHost,
  from: ItemSource<Item>,
  options: IterateOptions<Item>,
): Promise<void> {
  const { type } = host.steps;
  checkKeys(`iterate in ${show(type)}`, options, OPTIONS);
  const { key, each, cursor: cursorOf, total, flushMs = FLUSH_MS } = options;
  check(typeof each === "function", type, `each, a function; got ${show(each)}`);
  check(total === undefined || total >= 0, type, `a total of 0 or more; got ${show(total)}`);
  check(flushMs >= 0, type, `flushMs, 0 or more milliseconds; got ${show(flushMs)}`);
  check(
    (typeof from === "function") === (cursorOf !== undefined),
    type,
    "a function of the cursor together with the option cursor, or a list together with no cursor",
  );
  host.steps.use(key, "iteration");
  const start = (host.steps.resultOf(ITERATION + key) as unknown as Place | undefined) ?? { n: 0 };
  if (start.done === true) return;
  const name = ITERATION + key;
  const walk = new Walk(host, name, start);
  const items = typeof from === "function" ? from(start.cursor) : from;
  let toSkip = typeof from === "function" ? 0 : start.n;
  try {
    for await (const item of items) {
      if (walk.isBreakDue) await walk.takeBreak();
      if (toSkip > 0) {
        toSkip -= 1;
        continue;
      }
      if (host.isToStop) throw host.interrupt();
      await each(item, walk.place.n);
      const n = walk.place.n + 1;
      walk.place = cursorOf === undefined ? { n } : { n, cursor: kept(cursorOf(item), type, key) };
      if (total !== undefined && total > 0) walk.progress(Math.min(100, Math.floor((n / total) * 100)));
      if (host.monotonic() - walk.savedAt >= flushMs) await walk.save();
    }
  } catch (error) {
    // The items that are done are not handled again.
    walk.keep();
    throw error;
  }
  walk.place = { n: walk.place.n, done: true };
  await walk.save();
}

/** The place of an iteration that goes on. */
class Walk {
  place: Place;
  savedAt: number;
  readonly #host: IterationHost;
  readonly #name: string;
  #saved: Place;
  #percent: number | undefined;
  #breakAt: number;
  #unbroken = 0;

  constructor(host: IterationHost, name: string, start: Place) {
    this.place = start;
    this.#saved = start;
    this.#host = host;
    this.#name = name;
    this.savedAt = host.monotonic();
    this.#breakAt = this.savedAt + UNBROKEN_MS;
  }

  /** Whether nothing but this iteration has run for long, as with a function `each` that waits for nothing. */
  get isBreakDue(): boolean {
    this.#unbroken += 1;
    return this.#unbroken > UNBROKEN_ITEMS || this.#host.monotonic() >= this.#breakAt;
  }

  /** Lets timers and requests have their turn: the lease of this very job has to be extended. */
  async takeBreak(): Promise<void> {
    await new Promise(setImmediate);
    this.#unbroken = 0;
    this.#breakAt = this.#host.monotonic() + UNBROKEN_MS;
  }

  /** Reports each whole percent once. */
  progress(percent: number): void {
    if (percent === this.#percent) return;
    this.#percent = percent;
    this.#host.progress(percent);
  }

  async save(): Promise<void> {
    this.savedAt = this.#host.monotonic();
    this.#saved = this.place;
    await this.#host.reportNow(this.#report());
  }

  keep(): void {
    if (this.#saved !== this.place) this.#host.reportLater(this.#report());
  }

  #report(): Report {
    return { steps: { [this.#name]: this.place as unknown as Json } };
  }
}

function kept(cursor: unknown, type: string, key: string): Json {
  return JSON.parse(keptJson(cursor, "cursor", `the iteration ${show(key)} of ${show(type)}`)) as Json;
}

function check(isRight: boolean, type: string, needs: string): void {
  if (!isRight) throw new QueueError("invalid_options", `iterate in ${show(type)} needs ${needs}.`);
}
