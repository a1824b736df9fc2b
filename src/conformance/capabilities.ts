import type { Limits, QueueTraits } from "../driver/limits.ts";
import type { Summary } from "./run.ts";

type Plain = string | number | boolean;

/** What a run has shown of one adapter, in a form that lasts: no durations, no names of queues. */
export interface Capabilities {
  readonly server: string;
  readonly limits: Readonly<Record<string, Plain>>;
  readonly traits: Readonly<Record<string, Plain>>;
  /** Undefined where the provider keeps no order. */
  readonly orderedTraits: Readonly<Record<string, Plain>> | undefined;
  readonly passed: number;
  readonly failed: number;
  /** The cases that did not apply, each with its reason. */
  readonly skipped: Readonly<Record<string, string>>;
}

/** An adapter's part of a table of what adapters can do, as plain JSON. */
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

/** The names are those of the queue that was asked, and say nothing of the adapter. */
function traitsOf(traits: QueueTraits): Record<string, Plain> {
  const names = new Set<string>(["deadLetterQueue", "delayQueue"]);
  return plain(Object.fromEntries(Object.entries(traits).filter(([name]) => !names.has(name))));
}

/** JSON has no infinity. */
function plain(values: Limits | Partial<QueueTraits>): Record<string, Plain> {
  const entries = Object.entries(values as Readonly<Record<string, Plain | undefined>>);
  return Object.fromEntries(
    entries
      .filter((entry): entry is [string, Plain] => entry[1] !== undefined)
      .map(([name, value]) => [name, value === Number.POSITIVE_INFINITY ? "unlimited" : value]),
  );
}
