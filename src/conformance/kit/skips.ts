import type { Declared, Harness, HarnessFaults } from "../harness.ts";

/** Returns the reason why a case does not apply to an adapter; undefined if it applies. */
export type Skip = (declared: Declared, harness: Harness) => string | undefined;

/** Skips a case for the first reason that one of `skips` gives. */
export function firstReason(...skips: readonly Skip[]): Skip {
  return (declared, harness) => {
    for (const skip of skips) {
      const reason = skip(declared, harness);
      if (reason !== undefined) return reason;
    }
    return undefined;
  };
}

/** For a case whose delayed messages wait in a delay queue. */
export const needsDelayQueue: Skip = ({ limits }, { openDelayStore }) => {
  if (openDelayStore !== undefined) return "delayed messages wait in a delay store";
  return withoutHops(limits);
};

/** For a case whose delayed messages wait in a delay queue or in a delay store. */
export const needsLongDelays: Skip = ({ limits }, { openDelayStore }) =>
  openDelayStore === undefined ? withoutHops(limits) : undefined;

/** For a case that needs the provider's own delay queue for a retry, also where there is a delay store. */
export const needsHops: Skip = ({ limits }) => withoutHops(limits);

function withoutHops(limits: Declared["limits"]): string | undefined {
  if (limits.maxHopMs > 0) return undefined;
  return limits.nativeDelayMs === Number.POSITIVE_INFINITY
    ? "the provider holds delays of any length itself"
    : "the provider has no delay queue";
}

/** For a case in which a retry sends a delayed copy of the message. */
export const needsCopies: Skip = ({ limits }, { openDelayStore }) => {
  if (openDelayStore !== undefined || limits.nativeDelayMs > 0 || limits.maxHopMs > 0) return undefined;
  return "the provider cannot delay a copy of a message";
};

/** For a case that looks at attempt numbers. */
export const needsCounts: Skip = ({ traits }) =>
  traits.countsDeliveries ? undefined : "the provider does not count deliveries";

/** For a case on an ordered queue. */
export const needsOrder: Skip = ({ orderedTraits }) =>
  orderedTraits?.ordering === "by_key" ? undefined : "the provider keeps no order";

/** For a case that takes too long in real time. */
export function needsClock(duration: string): Skip {
  return (_declared, { clock }) =>
    clock === undefined ? `the case takes ${duration}, and the backend's clock cannot be moved` : undefined;
}

/** For a case in which the server refuses a part of a request. `fault` causes that. */
export function needsPartialFailure(fault: "failSendEntry" | "failSettleEntry"): Skip {
  return (_declared, { atomicRequests, faults }) => {
    if (faults?.[fault] !== undefined) return undefined;
    if (atomicRequests === true) return "requests are atomic";
    return `the harness cannot make the server refuse one ${fault === "failSendEntry" ? "message of a batch" : "settlement"}`;
  };
}

/** For a case in which answers of the server are lost. */
export const needsMute: Skip = (_declared, { faults }) =>
  faults?.muteAnswers === undefined || faults.cutConnections === undefined
    ? "the harness cannot lose the answers of the server"
    : undefined;

/** For a case in which the server restarts, or every connection is cut. */
export const needsBreak: Skip = (_declared, { faults }) =>
  breakOf(faults) === undefined
    ? "the harness can neither restart the server nor cut its connections"
    : undefined;

/** Returns the most severe break that a harness can cause: a restart, or else a cut of every connection. */
export function breakOf(faults: HarnessFaults | undefined): (() => Promise<void>) | undefined {
  return faults?.restart?.bind(faults) ?? faults?.cutConnections?.bind(faults);
}
