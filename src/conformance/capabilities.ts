import type { Limits, QueueTraits } from "../driver/limits.ts";
import type { Summary } from "./conformance-run.ts";

type Plain = string | number | boolean;

/** The result of a run for one adapter, in a form that can be kept: without durations and without names of queues. */
export interface Capabilities {
  readonly server: string;
  readonly limits: Readonly<Record<string, Plain>>;
  readonly traits: Readonly<Record<string, Plain>>;
  /** Undefined if the provider keeps no order. */
  readonly orderedTraits: Readonly<Record<string, Plain>> | undefined;
  readonly passed: number;
  readonly failed: number;
  /** The name of each case that does not apply, with the reason. */
  readonly skipped: Readonly<Record<string, string>>;
}

/** Converts the summary of a run into plain JSON, for a table of adapters. */
export function capabilitiesOf({ server, declared, passed, failed, results }: Summary): Capabilities {
  const skipped = results.filter(({ status }) => status === "skipped");
  return {
    server: server ?? "in process",
    limits: plain(declared.limits),
    traits: traitsOf(declared.traits),
    orderedTraits: declared.orderedTraits === undefined ? undefined : traitsOf(declared.orderedTraits),
    passed,
    failed,
    skipped: Object.fromEntries(skipped.map(({ name, reason = "" }) => [name, reason])),
  };
}

/** Leaves out the names of the queue that was asked, which are not the adapter's. */
function traitsOf(traits: QueueTraits): Record<string, Plain> {
  const { deadLetterQueue: _deadLetters, delayQueue: _delayed, ...rest } = traits;
  return plain(rest);
}

/** Replaces `Infinity`, which JSON does not have. */
function plain(values: Limits | Partial<QueueTraits>): Record<string, Plain> {
  const entries = Object.entries(values as Readonly<Record<string, Plain | undefined>>);
  return Object.fromEntries(
    entries
      .filter((entry): entry is [string, Plain] => entry[1] !== undefined)
      .map(([name, value]) => [name, value === Number.POSITIVE_INFINITY ? "unlimited" : value]),
  );
}
